//go:build !unix && !js && !wasip1 && !windows

package health

func errnoReason(error) string { return "" }

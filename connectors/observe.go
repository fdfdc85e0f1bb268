package connectors

import "time"

// Event is one call of a [Client], for [ClientConfig.Observer]. The outcome is
// known when the body of the answer has ended, broken or been closed, or with the
// error. A call of a dry run in plan mode is none.
type Event struct {
	// Method of the request.
	Method string
	// Host of the URL, with the port if it has one. There are as many as your
	// URLs name.
	Host string
	// Attempts is how often the call was made, an attempt that a breaker or a guard
	// refused included; 0 if the request was malformed.
	// net/http counts for itself: see [Client.Call].
	Attempts int
	// Status of the answer, or 0.
	Status int
	// Kind of the error, which can be that of the body, or "".
	Kind Kind
	// Unsent is that of the error.
	Unsent bool
	// Probe tells a call under a [ProbeContext].
	Probe bool
	// Duration is from the start of the call to its outcome.
	Duration time.Duration
	// Detail is what [ClientConfig.Guard] knows of a failure, with names and
	// addresses of your network, or "". It is for your log, never for a customer.
	Detail string
}

// report tells the observer how the call went, the first time it is called.
func (k *call) report(status int, e *Error) {
	observe := k.client.cfg.Observer
	if observe == nil || k.dry || k.reported.Swap(true) {
		return
	}
	event := Event{
		Method: method(k.request), Host: host(k.request), Attempts: k.made, Status: status,
		Probe: k.probe, Duration: time.Since(k.start), Detail: k.detail,
	}
	if e != nil {
		event.Kind, event.Unsent = e.Kind, e.Unsent
	}
	defer func() { _ = recover() }()
	observe(k.caller, event)
}

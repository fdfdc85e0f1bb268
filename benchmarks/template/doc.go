// Package template compares what it costs to fill a template from raw JSON: with
// Bracework's template package, with gjson and some code around it, and with
// template engines over decoded JSON. All that it has are tests; from the folder
// of this module:
//
//	GOWORK=off go test ./template                                            # equal output
//	GOWORK=off BRACEWORK_BENCH=1 go test -count=1 -v -run Report ./template  # interleaved, with ratios
//
// # Whom the numbers compare
//
//   - bracework: Template.Append or Document.Append, with room for the output.
//     It validates the data, all of it, as it goes.
//   - get: what one writes by hand, gjson.Get and append for each tag. It does
//     not look whether the data is valid; valid+get calls gjson.Valid before.
//   - fasttemplate: github.com/valyala/fasttemplate, whose function for tags
//     calls gjson.Get; not validated either.
//   - mustache, raymond, liquid, text/template: engines over a map that
//     json.Unmarshal makes anew from the data each time. Templates are parsed
//     beforehand, and the buffer is used again.
//
// Everyone writes paths in their own syntax. Mustache has no indexes, and is
// left out where they are needed. Engines over decoded data write numbers
// through a float64, so tags are about text and small integers: otherwise the
// output would differ.
//
// The floors are a copy of the data, gjson.Valid and encoding/json.Valid. They
// render nothing.
package template

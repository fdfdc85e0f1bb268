// Package logging compares what a structured, masked log line costs: Bracework's
// handler and its peers. All that it has are tests; from the folder of this
// module:
//
//	GOWORK=off go test ./logging                                            # equal lines
//	GOWORK=off BRACEWORK_BENCH=1 go test -count=1 -v -run Report ./logging  # interleaved, with ratios
//
// # Whom the numbers compare
//
//   - renaming: slog.JSONHandler with a ReplaceAttr that gives the field names
//     and values of ours, the least that writes the same line. It masks nothing.
//   - slog: slog.JSONHandler as it is, with other names.
//   - bracework: our Handler with all that masks by default, and 16 literals;
//     bracework-ecs has the names of ECS.
//   - bracework-unmasked: our Handler without masking.
//   - masq: slog.JSONHandler with the ReplaceAttr of github.com/m-mizutani/masq,
//     told four names of fields; masq-regex is told two patterns too. It keeps the
//     names of slog. It masks neither what is in bytes nor a part of a string.
//
// All write to a writer that drops what it gets. Attributes are made before, as
// LogAttrs takes them.
package logging

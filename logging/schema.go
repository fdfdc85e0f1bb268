package logging

import (
	"log/slog"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schema is a table of the names that a [Handler] gives to what stands at the
// top level of a line. [Config.Names] changes single names of it.
type Schema int

const (
	// SchemaDefault has the names that the code uses: timestamp, level, message,
	// workflow_id, user_id, tenant_id, duration_ms, error and error_type.
	SchemaDefault Schema = iota

	// SchemaECS has the names of the Elastic Common Schema, with dots, in the
	// order that ecs-logging asks for: @timestamp, log.level, message,
	// ecs.version. duration_ms becomes event.duration, in whole nanoseconds. What
	// the schema has no name for and Kibana filters by becomes a label:
	// labels.tenant_id, labels.workflow_id, labels.route.
	SchemaECS

	// SchemaOTel has the names of OpenTelemetry's log data model and semantic
	// conventions: timestamp, severity_text (upper case), severity_number, body,
	// trace_id, span_id, http.request.method, exception.message and so on.
	SchemaOTel
)

// ecsVersion is the version of ECS whose names these are.
const ecsVersion = "8.17.0"

func (s Schema) names() map[string]string {
	switch s {
	case SchemaECS:
		return map[string]string{
			"timestamp": "@timestamp", "level": "log.level", "message": "message",
			"source.function": "log.origin.function", "source.file": "log.origin.file.name", "source.line": "log.origin.file.line",
			"error": "error.message", "error_type": "error.type", "err": "error.message", "err_type": "error.type",
			"trace_id": "trace.id", "span_id": "span.id", "logger": "log.logger",
			"user_id": "user.id", "tenant_id": "labels.tenant_id", "workflow_id": "labels.workflow_id",
			"duration_ms": "event.duration", "request_id": "http.request.id", "method": "http.request.method",
			"route": "labels.route", "path": "url.path", "query": "url.query",
			"status": "http.response.status_code", "bytes": "http.response.body.bytes", "client": "client.ip",
		}
	case SchemaOTel:
		return map[string]string{
			"timestamp": "timestamp", "level": "severity_text", "message": "body",
			"source.function": "code.function.name", "source.file": "code.file.path", "source.line": "code.line.number",
			"error": "exception.message", "error_type": "exception.type", "err": "exception.message", "err_type": "exception.type",
			"user_id": "user.id", "method": "http.request.method", "route": "http.route", "path": "url.path", "query": "url.query",
			"status": "http.response.status_code", "bytes": "http.response.body.size", "client": "client.address",
		}
	default:
		return map[string]string{}
	}
}

// table is a schema made ready for writing.
type table struct {
	schema                    Schema
	timestamp, level, message string // as the beginning of a member: `"message":`
	source                    [3]string
	flatSource                bool
	reserved                  []string // the names that only the handler writes
	lengths                   uint64   // a bit for the length of each of them
	attrs                     map[string]attrName
}

// attrName is what an attribute of the top level is renamed to.
type attrName struct {
	name string
	typ  string // the name of the type of an error
}

func newTable(schema Schema, custom map[string]string, source bool) *table {
	names := schema.names()
	maps.Copy(names, custom)
	own := func(name string) string {
		to, ok := names[name]
		if !ok {
			to = name
		}
		delete(names, name)
		return to
	}
	t := &table{schema: schema, attrs: map[string]attrName{}}
	timestamp, level, message := own("timestamp"), own("level"), own("message")
	t.timestamp, t.level, t.message = opening(timestamp), opening(level), opening(message)
	t.reserved = []string{timestamp, level, message}
	switch schema {
	case SchemaECS:
		t.reserved = append(t.reserved, "ecs.version")
	case SchemaOTel:
		t.reserved = append(t.reserved, "severity_number")
	}
	if source {
		t.addSource(names, own)
	}
	for _, name := range t.reserved {
		t.lengths |= 1 << (len(name) & 63)
	}
	for from, to := range names {
		t.attrs[from] = attrName{to, to + "_type"}
	}
	for from, to := range names {
		base, ok := strings.CutSuffix(from, "_type")
		if !ok {
			continue
		}
		a, renamed := t.attrs[base]
		if !renamed {
			a.name = base
		}
		a.typ = to
		t.attrs[base] = a
	}
	return t
}

func (t *table) addSource(names map[string]string, own func(string) string) {
	_, t.flatSource = names["source.file"]
	parts := [3]string{"function", "file", "line"}
	for i, part := range parts {
		if !t.flatSource {
			t.source[i] = opening(part)
			continue
		}
		name := own("source." + part)
		t.source[i] = opening(name)
		t.reserved = append(t.reserved, name)
	}
	if !t.flatSource {
		name := own("source")
		t.source[0] = opening(name) + "{" + t.source[0]
		t.reserved = append(t.reserved, name)
	}
}

// reserves reports whether only the handler writes members called name.
func (t *table) reserves(name string) bool {
	return t.lengths&(1<<(len(name)&63)) != 0 && slices.Contains(t.reserved, name)
}

// opening is what a member called name begins with.
func opening(name string) string {
	return string(appendEscaped([]byte{'"'}, name)) + `":`
}

// begin writes what comes before the message.
func (l *line) begin(r slog.Record) {
	t := l.table
	l.buf = append(l.buf, '{')
	if !r.Time.IsZero() {
		l.buf = append(append(l.buf, t.timestamp...), '"')
		l.buf = appendTimestamp(l.buf, r.Time)
		l.buf = append(l.buf, `",`...)
	}
	l.buf = append(append(l.buf, t.level...), '"')
	if t.schema == SchemaOTel {
		start := len(l.buf)
		l.buf = appendLevel(l.buf, r.Level)
		for i, c := range l.buf[start:] {
			l.buf[start+i] = upperCase(c)
		}
		l.buf = append(l.buf, `","severity_number":`...)
		l.buf = strconv.AppendInt(l.buf, int64(severity(r.Level)), 10)
		l.buf = append(l.buf, ',')
		return
	}
	l.buf = appendLevel(l.buf, r.Level)
	l.buf = append(l.buf, `",`...)
}

// severity is the number of OpenTelemetry, which knows 1 to 24: slog's levels
// are those minus 9.
func severity(level slog.Level) int { return min(max(int(level)+9, 1), 24) }

// body writes the message and what follows it in every line.
func (l *line) body(r slog.Record) {
	l.buf = append(l.buf, l.table.message...)
	l.text(r.Message)
	l.buf = append(l.buf, ',')
	if l.table.schema == SchemaECS {
		l.buf = append(l.buf, `"ecs.version":"`+ecsVersion+`",`...)
	}
	if l.addSource {
		l.source(r.Source())
	}
}

// source writes the place of the log call; there is none in a record without a
// program counter.
func (l *line) source(src *slog.Source) {
	if src == nil {
		return
	}
	t := l.table
	l.buf = append(l.buf, t.source[0]...)
	l.text(src.Function)
	l.buf = append(append(l.buf, ','), t.source[1]...)
	l.text(src.File)
	l.buf = append(append(l.buf, ','), t.source[2]...)
	l.buf = strconv.AppendInt(l.buf, int64(src.Line), 10)
	if !t.flatSource {
		l.buf = append(l.buf, '}')
	}
	l.buf = append(l.buf, ',')
}

// nanoseconds is a value of duration_ms as event.duration has it.
func nanoseconds(v slog.Value) slog.Value {
	const perMilli = float64(time.Millisecond)
	var ms float64
	switch v.Kind() {
	case slog.KindDuration:
		return slog.Int64Value(v.Duration().Nanoseconds())
	case slog.KindInt64:
		ms = float64(v.Int64())
	case slog.KindUint64:
		ms = float64(v.Uint64())
	case slog.KindFloat64:
		ms = v.Float64()
	default:
		return v
	}
	if ns := math.Round(ms * perMilli); math.Abs(ns) < math.MaxInt64 {
		return slog.Int64Value(int64(ns))
	}
	return v
}

package logging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/logging"
)

func recordOf(msg string, attrs ...slog.Attr) slog.Record {
	r := slog.NewRecord(time.Time{}, slog.LevelInfo, msg, 0)
	r.AddAttrs(attrs...)
	return r
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 8, 15, 30, 0, 123_456_000, time.UTC)
	attrs := []slog.Attr{
		slog.String("workflow_id", "wf_1"), slog.String("user_id", "u_1"), slog.String("tenant_id", "t_1"), slog.Duration("duration_ms", 1500*time.Microsecond),
		slog.Any("error", fmt.Errorf("open: %w", fs.ErrNotExist)), slog.String("other", "x"), slog.Group("client", slog.String("client", "y")), slog.String("level", "mine"),
	}
	trace := func(context.Context) (string, string) { return "0af7", "b7ad" }
	for schema, want := range map[logging.Schema]string{
		logging.SchemaDefault: `{"timestamp":"2026-01-08T15:30:00.123456Z","level":"warn","message":"m","trace_id":"0af7","span_id":"b7ad",` +
			`"workflow_id":"wf_1","user_id":"u_1","tenant_id":"t_1","duration_ms":1.5,"error":"open: file does not exist","error_type":"*errors.errorString","other":"x","client":{"client":"y"},"level_attr":"mine"}`,
		logging.SchemaECS: `{"@timestamp":"2026-01-08T15:30:00.123456Z","log.level":"warn","message":"m","ecs.version":"8.17.0","trace.id":"0af7","span.id":"b7ad",` +
			`"labels.workflow_id":"wf_1","user.id":"u_1","labels.tenant_id":"t_1","event.duration":1500000,"error.message":"open: file does not exist","error.type":"*errors.errorString","other":"x","client":{"client":"y"},"level":"mine"}`,
		logging.SchemaOTel: `{"timestamp":"2026-01-08T15:30:00.123456Z","severity_text":"WARN","severity_number":13,"body":"m","trace_id":"0af7","span_id":"b7ad",` +
			`"workflow_id":"wf_1","user.id":"u_1","tenant_id":"t_1","duration_ms":1.5,"exception.message":"open: file does not exist","exception.type":"*errors.errorString","other":"x","client":{"client":"y"},"level":"mine"}`,
		logging.Schema(99): `{"timestamp":"2026-01-08T15:30:00.123456Z","level":"warn","message":"m","trace_id":"0af7","span_id":"b7ad",` +
			`"workflow_id":"wf_1","user_id":"u_1","tenant_id":"t_1","duration_ms":1.5,"error":"open: file does not exist","error_type":"*errors.errorString","other":"x","client":{"client":"y"},"level_attr":"mine"}`,
	} {
		var w writes
		h := logging.NewHandler(&w, logging.Config{Schema: schema, TraceIDs: trace})
		r := slog.NewRecord(at, slog.LevelWarn, "m", 0)
		r.AddAttrs(attrs...)
		require.NoError(t, h.Handle(t.Context(), r))
		assert.Equal(t, want, w.only(t))

		var buf bytes.Buffer
		slogtest.Run(t, func(*testing.T) slog.Handler {
			buf.Reset()
			return logging.NewHandler(&buf, logging.Config{Schema: schema})
		}, func(t *testing.T) map[string]any {
			t.Helper()
			var m map[string]any
			require.NoError(t, json.Unmarshal(buf.Bytes(), &m))
			for ours, theirs := range map[string]string{
				"timestamp": slog.TimeKey, "@timestamp": slog.TimeKey, "message": slog.MessageKey, "body": slog.MessageKey,
				"log.level": slog.LevelKey, "severity_text": slog.LevelKey,
			} {
				if v, ok := m[ours]; ok {
					m[theirs] = v
				}
			}
			_, hasTime := m[slog.TimeKey]
			assert.Equal(t, hasTime, m["timestamp"] != nil || m["@timestamp"] != nil)
			delete(m, "timestamp")
			return m
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		cfg   logging.Config
		attrs []slog.Attr
		want  string
	}{
		{"the handler's own", logging.Config{Names: map[string]string{"level": "severity", "message": "msg"}}, nil, `{"severity":"info","msg":"m"}`},
		{"escaped", logging.Config{Names: map[string]string{"level": `"`, "a": "é\n"}}, []slog.Attr{slog.Int("a", 1)}, `{"\"":"info","message":"m","é\n":1}`},
		{
			"an attribute of the new name",
			logging.Config{Names: map[string]string{"message": "msg"}},
			[]slog.Attr{slog.Int("msg", 1), slog.Int("message", 2)},
			`{"level":"info","msg":"m","msg_attr":1,"message":2}`,
		},
		{
			"errors",
			logging.Config{Names: map[string]string{"error": "err.text", "error_type": "err.kind"}},
			[]slog.Attr{slog.Any("error", errors.New("x"))},
			`{"level":"info","message":"m","err.text":"x","err.kind":"*errors.errorString"}`,
		},
		{
			"only the error",
			logging.Config{Names: map[string]string{"error": "cause"}},
			[]slog.Attr{slog.Any("error", errors.New("x"))},
			`{"level":"info","message":"m","cause":"x","cause_type":"*errors.errorString"}`,
		},
		{
			"only its type",
			logging.Config{Names: map[string]string{"error_type": "kind"}},
			[]slog.Attr{slog.Any("error", errors.New("x"))},
			`{"level":"info","message":"m","error":"x","kind":"*errors.errorString"}`,
		},
		{
			"two that become one",
			logging.Config{Names: map[string]string{"a": "c", "b": "c"}},
			[]slog.Attr{slog.Int("a", 1), slog.Int("b", 2)},
			`{"level":"info","message":"m","c":2}`,
		},
		{
			"over a schema",
			logging.Config{Schema: logging.SchemaECS, Names: map[string]string{"tenant_id": "organization.id"}},
			[]slog.Attr{slog.Int("tenant_id", 1), slog.Int("user_id", 2), {Key: "ecs.version", Value: slog.IntValue(3)}}, //nolint:sloglint // a key that is the handler's
			`{"log.level":"info","message":"m","ecs.version":"8.17.0","organization.id":1,"user.id":2,"ecs.version_attr":3}`,
		},
		{
			"masked by the name in the code",
			logging.Config{Names: map[string]string{"password": "pw", "a": "token"}},
			[]slog.Attr{slog.Int("password", 1), slog.Int("a", 2)},
			`{"level":"info","message":"m","pw":"***","token":2}`,
		},
		{
			"not within groups",
			logging.Config{Names: map[string]string{"a": "b", "g": "h"}},
			[]slog.Attr{slog.Group("g", slog.Int("a", 1), slog.Any("l", []any{slog.Int("a", 1)}))},
			`{"level":"info","message":"m","g":{"a":1,"l":[{"a":1}]}}`,
		},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, recordWith(t.Context(), t, tt.cfg, nil, "m", tt.attrs...), tt.name)
	}
	inGroup := func(h slog.Handler) slog.Handler { return h.WithGroup("g") }
	assert.JSONEq(t, `{"log.level":"info","message":"m","ecs.version":"8.17.0","g":{"user_id":1}}`,
		recordWith(t.Context(), t, logging.Config{Schema: logging.SchemaECS}, inGroup, "m", slog.Int("user_id", 1)))
}

func TestSourceOfSchemas(t *testing.T) {
	t.Parallel()
	for schema, names := range map[logging.Schema][3]string{
		logging.SchemaECS:  {"log.origin.function", "log.origin.file.name", "log.origin.file.line"},
		logging.SchemaOTel: {"code.function.name", "code.file.path", "code.line.number"},
	} {
		var w writes
		slog.New(logging.NewHandler(&w, logging.Config{Schema: schema, AddSource: true})).Info("m")
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(w.only(t)), &line))
		assert.Contains(t, line[names[0]], "TestSourceOfSchemas")
		assert.Contains(t, line[names[1]], "schema_test.go")
		assert.IsType(t, 0.5, line[names[2]])
	}
	var w writes
	slog.New(logging.NewHandler(&w, logging.Config{AddSource: true, Names: map[string]string{"source": "caller"}})).Info("m")
	assert.Contains(t, w.only(t), `,"message":"m","caller":{"function":`)
}

func TestEventDuration(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		v    slog.Value
		want string
	}{
		{slog.DurationValue(time.Nanosecond), "1"},
		{slog.IntValue(150), "150000000"},
		{slog.Uint64Value(2), "2000000"},
		{slog.Float64Value(0.123456), "123456"},
		{slog.Float64Value(math.Inf(1)), `"+Inf"`},
		{slog.Float64Value(1e300), `1e+300`},
		{slog.StringValue("x"), `"x"`},
	} {
		got := recordWith(t.Context(), t, logging.Config{Schema: logging.SchemaECS}, nil, "m", slog.Attr{Key: "duration_ms", Value: tt.v})
		assert.Equal(t, `{"log.level":"info","message":"m","ecs.version":"8.17.0","event.duration":`+tt.want+`}`, got)
	}
}

func TestSeverity(t *testing.T) {
	t.Parallel()
	for level, want := range map[slog.Level]string{
		slog.LevelDebug: `"DEBUG","severity_number":5`, slog.LevelInfo: `"INFO","severity_number":9`, slog.LevelWarn + 1: `"WARN+1","severity_number":14`,
		slog.LevelError: `"ERROR","severity_number":17`, -100: `"DEBUG-96","severity_number":1`, 100: `"ERROR+92","severity_number":24`,
	} {
		var w writes
		require.NoError(t, logging.NewHandler(&w, logging.Config{Schema: logging.SchemaOTel}).Handle(t.Context(), slog.NewRecord(time.Time{}, level, "m", 0)))
		assert.Equal(t, `{"severity_text":`+want+`,"body":"m"}`, w.only(t))
	}
}

func TestAccessLineInECS(t *testing.T) {
	t.Parallel()
	var w writes
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(http.ResponseWriter, *http.Request) {})
	h := logging.AccessLog(slog.New(logging.NewHandler(&w, logging.Config{Schema: logging.SchemaECS})), logging.AccessConfig{Query: []string{"page"}})(mux)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/orders/7?page=2", nil))
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(w.only(t)), &line))
	for name, want := range map[string]any{
		"http.request.method": "GET", "labels.route": "GET /orders/{id}", "url.path": "/orders/7", "url.query": "page=2", "http.response.status_code": 200.0,
		"http.response.body.bytes": 0.0, "client.ip": "192.0.2.1", "message": "Request", "log.level": "info",
	} {
		assert.Equal(t, want, line[name], name)
	}
	assert.NotEmpty(t, line["http.request.id"])
	duration, ok := line["event.duration"].(float64)
	require.True(t, ok)
	assert.InDelta(t, math.Trunc(duration), duration, 0, "whole nanoseconds")
}

func TestErrorTypes(t *testing.T) {
	t.Parallel()
	wrapped := fmt.Errorf("a: %w", errors.Join(nil, fmt.Errorf("b: %w, %w", &url.Error{Op: "Get", URL: "u", Err: errors.New("c")}, errors.New("d"))))
	for want, err := range map[string]error{
		"*url.Error": wrapped, "*errors.errorString": errors.New("x"), "context.deadlineExceededError": context.DeadlineExceeded,
		"logging_test.panickingUnwrapError": panickingUnwrapError{}, "*fmt.wrapError": fmt.Errorf("a: %w", error(nil)),
	} {
		var line struct {
			G struct {
				Cause     string
				CauseType string `json:"cause_type"`
			}
		}
		require.NoError(t, json.Unmarshal([]byte(record(t.Context(), t, nil, slog.Group("g", slog.Any("cause", err)))), &line))
		if want != "*fmt.wrapError" { // what fmt returns for nil is its own affair
			assert.Equal(t, want, line.G.CauseType)
		}
		assert.NotEmpty(t, line.G.Cause)
	}
	assert.Equal(t, `"token":"***"`, members(t, record(t.Context(), t, nil, slog.Any("token", errors.New("x")))), "masked, with no type")
	assert.Equal(t, `"e":null`, members(t, record(t.Context(), t, nil, slog.Any("e", (*url.Error)(nil)))))
	assert.Equal(t, `"e":["x"]`, members(t, record(t.Context(), t, nil, slog.Any("e", []error{errors.New("x")}))), "within a value it is its text")
	assert.Equal(t, `"e":"x","e_type":"mine"`, members(t, record(t.Context(), t, nil, slog.Any("e", errors.New("x")), slog.String("e_type", "mine"))), "the last one counts")
}

type panickingUnwrapError struct{}

func (panickingUnwrapError) Error() string { return "x" }

func (panickingUnwrapError) Unwrap() error { panic("s3cr3t") }

func TestTraceIDs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		hook func(context.Context) (string, string)
		want string
	}{
		"both":    {func(context.Context) (string, string) { return "t", "s" }, `"trace_id":"t","span_id":"s","a":1`},
		"one":     {func(context.Context) (string, string) { return "t", "" }, `"trace_id":"t","a":1`},
		"none":    {func(context.Context) (string, string) { return "", "" }, `"a":1`},
		"a panic": {func(context.Context) (string, string) { panic("x") }, `"a":1`},
	} {
		got := recordWith(t.Context(), t, logging.Config{TraceIDs: tt.hook}, nil, "m", slog.Int("a", 1))
		assert.Equal(t, tt.want, members(t, got), name)
	}
	cfg := logging.Config{TraceIDs: func(ctx context.Context) (string, string) {
		id, _ := ctx.Value(traceKey{}).(string)
		return id, ""
	}}
	inGroup := func(h slog.Handler) slog.Handler { return h.WithGroup("g") }
	ctx := context.WithValue(t.Context(), traceKey{}, "of the context")
	assert.Equal(t, `"trace_id":"of the context","g":{"a":1}`, members(t, recordWith(ctx, t, cfg, inGroup, "m", slog.Int("a", 1))))
	own := func(h slog.Handler) slog.Handler { return h.WithAttrs([]slog.Attr{slog.Int("trace_id", 7)}) }
	assert.Equal(t, `"trace_id":7`, members(t, recordWith(ctx, t, cfg, own, "m")), "the logger's own counts")
	assert.Equal(t, `"a":1`, members(t, recordWith(nil, t, cfg, nil, "m", slog.Int("a", 1)))) //nolint:staticcheck // callers of Handle may pass nil
}

type traceKey struct{}

func TestStringIDs(t *testing.T) {
	t.Parallel()
	const big = math.MaxInt64
	type row struct {
		ID     int64
		UserID *uint64 `json:"user_id"`
		Count  int
		Parts  map[string]any
	}
	attrs := []slog.Attr{
		slog.Int64("user_id", big),
		slog.Uint64(strings.ToUpper("id"), math.MaxUint64),
		slog.Int("paid", 1),
		slog.Int("order"+"Id", 1),
		slog.Float64("float_id", 1.5), slog.String("name_id", "x"),
		slog.Any("ids", []any{1, "a", []int{2}, map[string]int{"n": 3, "id": 4}, slog.GroupValue(slog.Int("n", 5)), 6}),
		slog.Any("row", row{1, new(uint64), 2, map[string]any{"id": 3, "n": 4}}),
		slog.Any("j", json.RawMessage(`{"id":9007199254740993,"n":1,"ids":[1,-2,1.5,1e3],"o_id":{"n":1}}`)), slog.Any("number_id", json.Number("12")),
	}
	const asStrings = `"user_id":"9223372036854775807","ID":"18446744073709551615","paid":1,"orderId":"1","float_id":1.5,"name_id":"x","ids":["1","a",["2"],{"id":"4","n":3},{"n":5},"6"],` +
		`"row":{"ID":"1","user_id":"0","Count":2,"Parts":{"id":"3","n":4}},"j":{"id":"9007199254740993","n":1,"ids":["1","-2",1.5,1e3],"o_id":{"n":1}},"number_id":"12"`
	assert.Equal(t, asStrings, members(t, recordWith(t.Context(), t, logging.Config{StringIDs: true}, nil, "m", attrs...)))
	assert.Contains(t, record(t.Context(), t, nil, attrs...), `"user_id":9223372036854775807,"ID":18446744073709551615`, "only on request")
	got := recordWith(t.Context(), t, logging.Config{StringIDs: true}, nil, "m", slog.Any("id", []any{panicker{}, 1}), slog.Int("n", 1))
	assert.Equal(t, `"id":["!PANIC: logging_test.panicker","1"],"n":1`, members(t, got))
}

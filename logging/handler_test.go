package logging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/logging"
)

// derive makes a handler from another.
type derive = func(slog.Handler) slog.Handler

// record logs one record without a time and returns its line, which it checks
// for being one.
func record(ctx context.Context, t *testing.T, h derive, attrs ...slog.Attr) string {
	t.Helper()
	return recordWith(ctx, t, logging.Config{}, h, "m", attrs...)
}

func recordWith(ctx context.Context, t *testing.T, cfg logging.Config, h derive, msg string, attrs ...slog.Attr) string {
	t.Helper()
	var w writes
	var handler slog.Handler = logging.NewHandler(&w, cfg)
	if h != nil {
		handler = h(handler)
	}
	r := slog.NewRecord(time.Time{}, slog.LevelInfo, msg, 0)
	r.AddAttrs(attrs...)
	require.NoError(t, handler.Handle(ctx, r))
	return w.only(t)
}

// writes keeps each Write.
type writes struct {
	mu   sync.Mutex
	each []string
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.each = append(w.each, string(p))
	return len(p), nil
}

func (w *writes) only(t *testing.T) string {
	t.Helper()
	lines := w.lines(t)
	require.Len(t, lines, 1)
	return lines[0]
}

func (w *writes) lines(t *testing.T) []string {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := make([]string, 0, len(w.each))
	for _, line := range w.each {
		require.True(t, strings.HasSuffix(line, "\n"), "%q", line)
		line = strings.TrimSuffix(line, "\n")
		require.NotContains(t, line, "\n")
		require.True(t, json.Valid([]byte(line)), "%s", line)
		lines = append(lines, line)
	}
	return lines
}

// members are the attributes of a line of record.
func members(t *testing.T, line string) string {
	t.Helper()
	rest, ok := strings.CutPrefix(line, `{"level":"info","message":"m"`)
	require.True(t, ok, "%s", line)
	return strings.TrimPrefix(strings.TrimSuffix(rest, "}"), ",")
}

func TestSlogtest(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		buf.Reset()
		return logging.NewHandler(&buf, logging.Config{})
	}, func(t *testing.T) map[string]any {
		t.Helper()
		var m map[string]any
		require.NoError(t, json.Unmarshal(buf.Bytes(), &m))
		for ours, theirs := range map[string]string{"timestamp": slog.TimeKey, "message": slog.MessageKey} {
			if v, ok := m[ours]; ok {
				m[theirs] = v
				delete(m, ours)
			}
		}
		return m
	})
}

func TestLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w writes
		logger := slog.New(logging.NewHandler(&w, logging.Config{Level: slog.LevelDebug}))
		time.Sleep(1500 * time.Microsecond)
		logger.LogAttrs(t.Context(), slog.LevelInfo, "Executed", slog.String("workflow_id", "wf_1"), slog.String("user_id", "u_1"),
			slog.String("tenant_id", "t_1"), slog.Duration("duration_ms", 150*time.Millisecond))
		logger.Debug("b")
		logger.Warn("c")
		logger.Error("d")
		logger.Log(t.Context(), slog.LevelInfo+2, "e")
		logger.Log(t.Context(), slog.LevelDebug-1, "f") // below the level
		assert.Equal(t, []string{
			`{"timestamp":"2000-01-01T00:00:00.001500Z","level":"info","message":"Executed","workflow_id":"wf_1","user_id":"u_1","tenant_id":"t_1","duration_ms":150}`,
			`{"timestamp":"2000-01-01T00:00:00.001500Z","level":"debug","message":"b"}`,
			`{"timestamp":"2000-01-01T00:00:00.001500Z","level":"warn","message":"c"}`,
			`{"timestamp":"2000-01-01T00:00:00.001500Z","level":"error","message":"d"}`,
			`{"timestamp":"2000-01-01T00:00:00.001500Z","level":"info+2","message":"e"}`,
		}, w.lines(t))
	})
}

func TestTimestampIsUTC(t *testing.T) {
	t.Parallel()
	for at, want := range map[time.Time]string{
		time.Date(2026, 1, 8, 16, 30, 0, 0, time.FixedZone("", 3600)):   "2026-01-08T15:30:00.000000Z",
		time.Date(2026, 12, 31, 23, 59, 59, 999_999_999, time.UTC):      "2026-12-31T23:59:59.999999Z",
		time.Date(12026, 1, 8, 0, 0, 0, 1000, time.UTC):                 "12026-01-08T00:00:00.000001Z",
		time.Date(-1, 1, 8, 0, 0, 0, 0, time.UTC):                       "-0001-01-08T00:00:00.000000Z",
		time.Date(2026, 1, 8, 0, 30, 0, 0, time.FixedZone("", 14*3600)): "2026-01-07T10:30:00.000000Z",
	} {
		var w writes
		require.NoError(t, logging.NewHandler(&w, logging.Config{}).Handle(t.Context(), slog.NewRecord(at, slog.LevelInfo, "", 0)))
		assert.Equal(t, `{"timestamp":"`+want+`","level":"info","message":""}`, w.only(t))
	}
}

func TestLevel(t *testing.T) {
	t.Parallel()
	h := logging.NewHandler(io.Discard, logging.Config{})
	assert.False(t, h.Enabled(t.Context(), slog.LevelDebug), "info is the default")
	assert.True(t, h.Enabled(t.Context(), slog.LevelInfo))

	var level slog.LevelVar
	h = logging.NewHandler(io.Discard, logging.Config{Level: &level})
	level.Set(slog.LevelError)
	assert.False(t, h.Enabled(t.Context(), slog.LevelWarn))
	level.Set(slog.LevelDebug)
	assert.True(t, h.WithGroup("g").Enabled(t.Context(), slog.LevelDebug), "at run time, in derived handlers too")
}

func TestNilWriter(t *testing.T) {
	t.Parallel()
	h := logging.NewHandler(nil, logging.Config{})
	assert.False(t, h.Enabled(t.Context(), slog.LevelError))
	assert.NoError(t, h.Handle(t.Context(), slog.Record{}))
}

func TestWriterErrorIsReturned(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	err := logging.NewHandler(failing{broken}, logging.Config{}).Handle(t.Context(), slog.Record{})
	assert.ErrorIs(t, err, broken)
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestSource(t *testing.T) {
	t.Parallel()
	var w writes
	slog.New(logging.NewHandler(&w, logging.Config{AddSource: true})).LogAttrs(t.Context(), slog.LevelInfo, "m", slog.String("source", "mine"))
	var line struct {
		Source     slog.Source
		SourceAttr string `json:"source_attr"`
	}
	require.NoError(t, json.Unmarshal([]byte(w.only(t)), &line))
	assert.Equal(t, "github.com/bracework/bracework/logging_test.TestSource", line.Source.Function)
	assert.True(t, strings.HasSuffix(line.Source.File, "handler_test.go"))
	assert.Positive(t, line.Source.Line)
	assert.Equal(t, "mine", line.SourceAttr)

	assert.JSONEq(t, `{"level":"info","message":"m"}`, recordWith(t.Context(), t, logging.Config{AddSource: true}, nil, "m"),
		"a record without a program counter has no source")
}

func TestKeysAreUnique(t *testing.T) {
	t.Parallel()
	attr := slog.Int
	with := func(attrs ...slog.Attr) derive {
		return func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) }
	}
	group := func(name string) derive {
		return func(h slog.Handler) slog.Handler { return h.WithGroup(name) }
	}
	chain := func(all ...derive) derive {
		return func(h slog.Handler) slog.Handler {
			for _, d := range all {
				h = d(h)
			}
			return h
		}
	}
	tests := []struct {
		name  string
		h     derive
		ctx   []slog.Attr
		attrs []slog.Attr
		want  string
	}{
		{"the last of a record", nil, nil, []slog.Attr{attr("a", 1), attr("b", 2), attr("a", 3)}, `"b":2,"a":3`},
		{"three times", nil, nil, []slog.Attr{attr("a", 1), attr("a", 2), attr("a", 3)}, `"a":3`},
		{"record over logger", with(attr("a", 1), attr("b", 2)), nil, []slog.Attr{attr("a", 3)}, `"b":2,"a":3`},
		{"logger over logger", chain(with(attr("a", 1)), with(attr("a", 2))), nil, nil, `"a":2`},
		{"logger over context", with(attr("a", 1)), []slog.Attr{attr("a", 0), attr("c", 5)}, nil, `"c":5,"a":1`},
		{"record over context", nil, []slog.Attr{attr("a", 0)}, []slog.Attr{attr("a", 1)}, `"a":1`},
		{"record over both", with(attr("a", 1)), []slog.Attr{attr("a", 0)}, []slog.Attr{attr("a", 2)}, `"a":2`},
		{"in a group", nil, nil, []slog.Attr{slog.Group("g", attr("a", 1), attr("a", 2))}, `"g":{"a":2}`},
		{"a whole group", nil, nil, []slog.Attr{slog.Group("g", attr("a", 1)), slog.Group("g", attr("b", 2))}, `"g":{"b":2}`},
		{"an empty group replaces nothing", nil, nil, []slog.Attr{attr("g", 1), slog.Group("g")}, `"g":1`},
		{"an open group over an attribute", chain(with(attr("g", 1)), group("g")), nil, []slog.Attr{attr("a", 2)}, `"g":{"a":2}`},
		{"an open group that stays empty", chain(with(attr("g", 1)), group("g")), nil, nil, `"g":1`},
		{"the same name at two levels", chain(with(attr("a", 1)), group("g"), with(attr("a", 2))), nil, []slog.Attr{attr("a", 3)}, `"a":1,"g":{"a":3}`},
		{"an open group over the context", chain(group("g"), with(attr("a", 1))), []slog.Attr{attr("g", 0), attr("a", 0)}, nil, `"a":0,"g":{"a":1}`},
		{"inlined", nil, nil, []slog.Attr{attr("a", 1), slog.Group("", attr("a", 2))}, `"a":2`},
		{"empty keys", nil, nil, []slog.Attr{attr("", 1), attr("", 2)}, `"":2`},
		{"keys that are escaped", nil, nil, []slog.Attr{attr("a\n", 1), attr("a\n", 2)}, `"a\n":2`},
		{"keys that become equal", nil, nil, []slog.Attr{attr("\xff", 1), attr("\ufffd", 2)}, "\"\ufffd\":2"},
		{
			"those of the handler", nil, nil,
			[]slog.Attr{attr("message", 1), attr("level", 2), attr("timestamp", 3), attr("source", 4)},
			`"message_attr":1,"level_attr":2,"timestamp_attr":3,"source":4`,
		},
		{"a group named like the handler's", group("message"), nil, []slog.Attr{attr("level", 1)}, `"message_attr":{"level":1}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := record(logging.With(t.Context(), tt.ctx...), t, tt.h, tt.attrs...)
			assert.Equal(t, tt.want, members(t, got))
		})
	}
}

func TestDerivedHandlersAreIndependent(t *testing.T) {
	t.Parallel()
	var w writes
	one := func(key string, v int) []slog.Attr { return []slog.Attr{slog.Int(key, v)} }
	base := logging.NewHandler(&w, logging.Config{}).WithAttrs(one("a", 1)).WithGroup("g").WithAttrs(one("b", 2))
	left, right := slog.New(base.WithAttrs(one("l", 1)).WithGroup("h")), slog.New(base.WithAttrs(one("r", 1)).WithGroup("i"))
	left.LogAttrs(t.Context(), slog.LevelInfo, "m", slog.Int("x", 1))
	right.LogAttrs(t.Context(), slog.LevelInfo, "m", slog.Int("x", 2))
	slog.New(base).Info("m")
	lines := w.lines(t)
	for i := range lines {
		_, lines[i], _ = strings.Cut(lines[i], `"m",`)
	}
	assert.Equal(t, []string{`"a":1,"g":{"b":2,"l":1,"h":{"x":1}}}`, `"a":1,"g":{"b":2,"r":1,"i":{"x":2}}}`, `"a":1,"g":{"b":2}}`}, lines)
}

func TestContextAttributesStandAtTheTop(t *testing.T) {
	t.Parallel()
	outer := logging.With(t.Context(), slog.String("tenant_id", "t_1"), slog.String("password", "s3cr3t"))
	ctx := logging.With(outer, slog.String("tenant_id", "t_2"), slog.Group("g", slog.Int("a", 1)))
	inGroup := func(h slog.Handler) slog.Handler { return h.WithGroup("g2").WithAttrs([]slog.Attr{slog.Int("b", 2)}) }
	assert.Equal(t, `"tenant_id":"t_2","password":"***","g":{"a":1},"g2":{"b":2,"c":3}`, members(t, record(ctx, t, inGroup, slog.Int("c", 3))))
	assert.Equal(t, `"tenant_id":"t_1","password":"***"`, members(t, record(outer, t, nil)), "contexts do not change")
	assert.Equal(t, ctx, logging.With(ctx))
	assert.Empty(t, members(t, record(nil, t, nil))) //nolint:staticcheck // callers of Handle may pass nil
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	var w writes
	base := logging.NewHandler(&w, logging.Config{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			mine := slog.New(base.WithAttrs([]slog.Attr{slog.Int("i", i)}).WithGroup("g"))
			for range 100 {
				mine.LogAttrs(t.Context(), slog.LevelInfo, "m",
					slog.Any("v", map[string]any{"password": "s3cr3t", "list": []int{1, 2}}), slog.Any("s", struct{ A time.Duration }{1}))
			}
		})
	}
	wg.Wait()
	lines := w.lines(t)
	assert.Len(t, lines, 800)
	for _, line := range lines {
		assert.Contains(t, line, `"g":{"v":{"list":[1,2],"password":"***"},"s":{"A":0.000001}}}`)
	}
}

// value is that of the attribute v of a line.
func value(t *testing.T, line string) any {
	t.Helper()
	var got struct{ V any }
	require.NoError(t, json.Unmarshal([]byte(line), &got))
	return got.V
}

package logging_test

import (
	"fmt"
	"io"
	"log/slog"
	"regexp"

	"github.com/bracework/bracework/logging"
	"github.com/m-mizutani/masq"
)

const (
	ours     = "bracework"
	unmasked = "bracework-unmasked"
	renaming = "renaming"
	masqName = "masq"

	literals = 16
)

// contender is one of the handlers compared.
type contender struct {
	name string
	open func(io.Writer) slog.Handler
	// masks is whether it masks what the scenarios have.
	masks bool
}

func contenders() []contender {
	return []contender{
		{name: renaming, open: withNames},
		{name: "slog", open: func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }},
		{name: ours, masks: true, open: func(w io.Writer) slog.Handler {
			return logging.NewHandler(w, logging.Config{Secrets: registered()})
		}},
		{name: "bracework-ecs", masks: true, open: func(w io.Writer) slog.Handler {
			return logging.NewHandler(w, logging.Config{Secrets: registered(), Schema: logging.SchemaECS})
		}},
		{name: unmasked, open: func(w io.Writer) slog.Handler {
			return logging.NewHandler(w, logging.Config{Unmasked: true})
		}},
		{name: masqName, open: func(w io.Writer) slog.Handler { return withMasq(w, fieldNames()...) }},
		{name: "masq-regex", open: func(w io.Writer) slog.Handler {
			return withMasq(w, append(fieldNames(),
				masq.WithRegex(regexp.MustCompile(`https://hooks\.slack\.com/services/\S+`)),
				masq.WithRegex(regexp.MustCompile(`://[^/:@\s]+:[^@\s]+@`)))...)
		}},
	}
}

// registered are literals as an environment has them.
func registered() *logging.Secrets {
	secrets := logging.NewSecrets()
	for i := range literals {
		if err := secrets.Register(fmt.Sprintf("%016x-%d", 0x9e3779b97f4a7c15*uint64(i+1), i)); err != nil {
			panic(err)
		}
	}
	return secrets
}

func fieldNames() []masq.Option {
	return []masq.Option{
		masq.WithFieldName("password"), masq.WithFieldName("token"), masq.WithFieldName("api_key"), masq.WithFieldName("Authorization"),
	}
}

func withMasq(w io.Writer, opts ...masq.Option) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: masq.New(opts...)})
}

// withNames writes the names and values that ours does.
func withNames(w io.Writer) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindDuration {
			a.Value = slog.Float64Value(float64(a.Value.Duration()) / 1e6)
			return a
		}
		if len(groups) > 0 {
			return a
		}
		switch a.Key {
		case slog.TimeKey:
			return slog.String("timestamp", a.Value.Time().UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
		case slog.LevelKey:
			return slog.String("level", lowerCase(a.Value))
		case slog.MessageKey:
			a.Key = "message"
		}
		return a
	}})
}

// lowerCase is the name of a level without an allocation.
func lowerCase(v slog.Value) string {
	level, _ := v.Any().(slog.Level)
	switch level {
	case slog.LevelDebug:
		return "debug"
	case slog.LevelInfo:
		return "info"
	case slog.LevelWarn:
		return "warn"
	}
	return "error"
}

// discard is a writer that slog cannot know to be one.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

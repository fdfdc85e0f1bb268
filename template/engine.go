package template

import (
	"container/list"
	"sync"
)

// Engine renders templates that come as strings, and keeps the last 256
// compiled ones of up to 64 KiB each. It may be used concurrently.
type Engine struct {
	opts []Option

	mu      sync.Mutex
	entries map[engineKey]*list.Element
	recent  *list.List // of engineEntry, most recent first
}

const (
	engineEntries = 256
	engineSource  = 64 << 10
)

type engineKey struct {
	src     string
	lenient bool
}

type engineEntry struct {
	key engineKey
	t   *Template
	err error
}

// NewEngine returns an Engine whose templates are compiled with opts.
// [Engine.Render] ignores their missing policy.
func NewEngine(opts ...Option) *Engine {
	return &Engine{opts: opts, entries: map[engineKey]*list.Element{}, recent: list.New()}
}

// Render never fails: a path without a value renders as nothing, and a tag that
// does not compile stays as it is written. Over invalid JSON, and where the
// output would exceed its limit or a filter or the escaper fails, the data
// counts as null; when that fails as well, or the template exceeds its limits,
// the result is empty. Use [Engine.RenderE] where an error can be handled.
func (e *Engine) Render(tmpl, json string) string {
	t, err := e.compile(engineKey{src: tmpl, lenient: true})
	if err != nil {
		return ""
	}
	out, err := t.Append(nil, bytesOf(json))
	if err != nil {
		out, err = t.Append(nil, []byte("null"))
	}
	if err != nil {
		return ""
	}
	return string(out)
}

// RenderE compiles and renders. Its errors are those of [Compile] and
// [Template.Append].
func (e *Engine) RenderE(tmpl, json string) (string, error) {
	t, err := e.compile(engineKey{src: tmpl})
	if err != nil {
		return "", err
	}
	return t.Render(bytesOf(json))
}

// Validate checks a template against data before it is used: that it compiles,
// and that every path exists. See [Template.Validate].
func (e *Engine) Validate(tmpl, json string) error {
	t, err := e.compile(engineKey{src: tmpl})
	if err != nil {
		return err
	}
	return t.Validate(bytesOf(json))
}

func (e *Engine) compile(key engineKey) (*Template, error) {
	e.mu.Lock()
	if el, ok := e.entries[key]; ok {
		e.recent.MoveToFront(el)
		entry, _ := el.Value.(engineEntry)
		e.mu.Unlock()
		return entry.t, entry.err
	}
	e.mu.Unlock()

	entry := engineEntry{key: key}
	if key.lenient {
		entry.t, entry.err = compileLenient(key.src, e.opts)
	} else {
		entry.t, entry.err = Compile(key.src, e.opts...)
	}
	if len(key.src) > engineSource {
		return entry.t, entry.err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.entries[key]; !ok {
		e.entries[key] = e.recent.PushFront(entry)
		if e.recent.Len() > engineEntries {
			oldest := e.recent.Remove(e.recent.Back())
			if old, ok := oldest.(engineEntry); ok {
				delete(e.entries, old.key)
			}
		}
	}
	return entry.t, entry.err
}

func compileLenient(src string, opts []Option) (*Template, error) {
	s, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	s.missing, s.lenient = MissingEmpty, true
	return compile(src, &s)
}

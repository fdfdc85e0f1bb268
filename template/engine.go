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
	src  string
	mode engineMode
}

type engineMode uint8

const (
	modeText engineMode = iota
	modeLenient
	modeDocument
)

type engineEntry struct {
	key engineKey
	t   *Template
	d   *Document // of modeDocument
	err error
}

// NewEngine returns an Engine whose templates are compiled with opts.
// [Engine.Render] ignores their missing policy, and is empty when an option is
// wrong; RenderE says so.
func NewEngine(opts ...Option) *Engine {
	return &Engine{opts: opts, entries: map[engineKey]*list.Element{}, recent: list.New()}
}

// Render never fails: a path without a value renders as nothing, and a tag that
// does not compile stays as it is written. Over invalid JSON, and where the
// output would exceed its limit or a filter or the escaper fails, the data
// counts as null; when that fails as well, or the template exceeds its limits,
// the result is empty. Use [Engine.RenderE] where an error can be handled.
func (e *Engine) Render(tmpl, json string) string {
	entry := e.compile(engineKey{src: tmpl, mode: modeLenient})
	if entry.err != nil {
		return ""
	}
	out, err := entry.t.Append(nil, bytesOf(json))
	if err != nil {
		out, err = entry.t.Append(nil, []byte("null"))
	}
	if err != nil {
		return ""
	}
	return string(out)
}

// RenderE compiles and renders. Its errors are those of [Compile] and
// [Template.Append].
func (e *Engine) RenderE(tmpl, json string) (string, error) {
	entry := e.compile(engineKey{src: tmpl})
	if entry.err != nil {
		return "", entry.err
	}
	return entry.t.Render(bytesOf(json))
}

// RenderJSON renders a document; see [CompileJSON]. Use it, and not Render, for
// what is JSON: Render pastes.
func (e *Engine) RenderJSON(doc, json string) (string, error) {
	entry := e.compile(engineKey{src: doc, mode: modeDocument})
	if entry.err != nil {
		return "", entry.err
	}
	b, err := entry.d.Append(nil, bytesOf(json))
	return string(b), err
}

// Validate checks a template against data before it is used: that it compiles,
// and all that [Template.Validate] reports, some of which does not keep it from
// rendering; see [ValidationError.Fatal].
func (e *Engine) Validate(tmpl, json string) error {
	entry := e.compile(engineKey{src: tmpl})
	if entry.err != nil {
		return entry.err
	}
	return entry.t.Validate(bytesOf(json))
}

func (e *Engine) compile(key engineKey) engineEntry {
	e.mu.Lock()
	if el, ok := e.entries[key]; ok {
		e.recent.MoveToFront(el)
		entry, _ := el.Value.(engineEntry)
		e.mu.Unlock()
		return entry
	}
	e.mu.Unlock()

	entry := engineEntry{key: key}
	switch key.mode {
	case modeDocument:
		entry.d, entry.err = CompileJSON(bytesOf(key.src), e.opts...)
	case modeLenient:
		entry.t, entry.err = compileLenient(key.src, e.opts)
	default:
		entry.t, entry.err = Compile(key.src, e.opts...)
	}
	if len(key.src) > engineSource {
		return entry
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
	return entry
}

func compileLenient(src string, opts []Option) (*Template, error) {
	s, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	s.missing, s.lenient = MissingEmpty, true
	return compile(src, &s)
}

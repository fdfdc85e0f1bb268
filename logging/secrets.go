package logging

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// minLiteral is the length of the shortest literal: shorter ones would be found
// in what is no secret.
const minLiteral = 8

// ErrShortSecret is returned for a literal of fewer than 8 bytes.
var ErrShortSecret = errors.New("logging: a literal secret has at least 8 bytes")

// Secrets is a set of secrets that are known by their value: what a process has
// read from its environment or from a vault. A [Handler] that has it, as
// [Config.Secrets], writes "***" wherever one of them would stand on a line: in
// any value, in messages, in keys, in what was rendered by With before the secret
// was known, escaped for JSON, for a URL or by %q, and in base64 of its own.
//
// The zero Secrets is empty and ready for use. It may be shared by handlers, and
// is safe for concurrent use. What is registered before a record is logged is
// masked in it. How long a line takes hardly depends on their number.
type Secrets struct {
	index atomic.Pointer[literals] // nil: there are none

	mu    sync.Mutex // of Register
	known map[string]struct{}
}

// NewSecrets returns an empty set.
func NewSecrets() *Secrets { return &Secrets{} }

// Register adds a literal, without the white space around it. Its error is
// [ErrShortSecret]; to add one twice is none. A literal stays: after a rotation
// the former one is masked too.
func (s *Secrets) Register(literal string) error {
	literal = strings.TrimSpace(literal)
	if len(literal) < minLiteral {
		return ErrShortSecret
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.known[literal]; ok {
		return nil
	}
	if s.known == nil {
		s.known = map[string]struct{}{}
	}
	s.known[literal] = struct{}{}
	s.index.Store(s.index.Load().with(spellings(literal)))
	return nil
}

// load returns what finds the literals, or nil when there are none.
func (s *Secrets) load() *literals {
	if s == nil {
		return nil
	}
	return s.index.Load()
}

// spellings are the forms in which a literal comes into a text.
func spellings(literal string) []string {
	all := []string{
		literal,
		string(appendEscaped(nil, literal)),
		inside(strconv.Quote(literal)),
		url.QueryEscape(literal),
		url.PathEscape(literal),
		strings.TrimPrefix(url.UserPassword("", literal).String(), ":"),
		base64.RawStdEncoding.EncodeToString([]byte(literal)),
		base64.RawURLEncoding.EncodeToString([]byte(literal)),
	}
	if quoted, err := json.Marshal(literal); err == nil {
		all = append(all, inside(string(quoted)))
	}
	return all
}

func inside(quoted string) string { return quoted[1 : len(quoted)-1] }

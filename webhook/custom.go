package webhook

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"
)

var errUnknownPreset = errors.New("webhook: unknown scheme")

// Algorithm is how a signature is made.
type Algorithm uint8

// The algorithms.
const (
	HMACSHA256 Algorithm = iota // RFC 2104 with SHA-256
	HMACSHA512
	HMACSHA1
	Ed25519 // RFC 8032
)

// Encoding is how a signature is written.
type Encoding uint8

// The encodings of signatures.
const (
	Hex    Encoding = iota // in lower case
	Base64                 // of RFC 4648 section 4, with padding
)

// KeyEncoding is how a secret is written.
type KeyEncoding uint8

// The encodings of secrets.
const (
	KeyText KeyEncoding = iota // the bytes of the text
	KeyHex
	KeyBase64
)

// Custom is a scheme that is none of the presets. SignatureHeader is required. The
// zero value of each other field is the default that its comment names.
//
//	webhook.Custom{ // Paddle
//		SignatureHeader: "Paddle-Signature", Separator: ";", TimestampTag: "ts=", Prefix: "h1=",
//		Content: "{timestamp}:{body}",
//	}
type Custom struct {
	// Name is the scheme's, of letters, digits, '.', '_' and '-'. Default: custom.
	Name string
	// SignatureHeader carries the signatures.
	SignatureHeader string
	// IDHeader carries the id of a delivery. It counts as signed when Content has
	// {id}. Default: none.
	IDHeader string
	// TimestampHeader carries the time, which must be in Content. Default: none.
	TimestampHeader string
	// TimestampTag is what the element begins with that carries the time, where it
	// is one of those in SignatureHeader. It needs a Separator. Default: none.
	TimestampTag string
	// TimestampUnit is the unit of the time, time.Second or time.Millisecond since
	// 1970. Default: time.Second.
	TimestampUnit time.Duration
	// Separator stands between the signatures in SignatureHeader. Default: there is
	// only one.
	Separator string
	// Prefix is what a signature begins with, such as "sha256=". Elements that do
	// not are ignored. Default: nothing.
	Prefix string
	// Content is what is signed: {body}, exactly once, and any of {id}, {timestamp},
	// {method} and {url}, with text between them. Put some text between two of
	// them: else bytes may be moved from one to the other without changing
	// what is signed. A signed id that contains the text behind it is refused.
	// Default: {body}.
	Content string
	// Algorithm is that of all signatures. Default: HMACSHA256.
	Algorithm Algorithm
	// Encoding is that of all signatures. Default: Hex.
	Encoding Encoding
	// KeyEncoding is that of the secrets. Default: KeyText, which Ed25519 keys
	// cannot have. An Ed25519 key is the public one of 32 bytes, and for a signer
	// the 64 bytes of seed and public key.
	KeyEncoding KeyEncoding
	// KeyPrefix is what a secret begins with and is not part of the key.
	// Default: nothing.
	KeyPrefix string
}

// String returns the name.
func (c Custom) String() string { return cmp.Or(c.Name, "custom") }

func (c Custom) layout() (*layout, error) {
	content, err := parseContent(cmp.Or(c.Content, "{body}"))
	if err := errors.Join(c.validate(), err, c.validateContent(content)); err != nil {
		return nil, err
	}
	l := &layout{
		name: c.String(), unit: cmp.Or(c.TimestampUnit, time.Second), encoding: c.Encoding, content: content,
		headers: []headers{{signature: http.CanonicalHeaderKey(c.SignatureHeader)}},
		list:    list{separator: c.Separator, timestamp: c.TimestampTag, tags: []tag{{c.Prefix, c.Algorithm}}},
		keys:    []keyFormat{{algorithm: c.Algorithm, encoding: c.KeyEncoding, prefix: c.KeyPrefix, private: c.KeyPrefix}},
	}
	l.headers[0].id = http.CanonicalHeaderKey(c.IDHeader)
	l.headers[0].timestamp = http.CanonicalHeaderKey(c.TimestampHeader)
	return l, nil
}

func (c Custom) validate() error {
	var errs []error
	refuse := func(what string) { errs = append(errs, errors.New("webhook: Custom."+what)) }
	if !isName(c.String()) {
		refuse("Name is not of letters, digits, '.', '_' and '-'")
	}
	if c.SignatureHeader == "" {
		refuse("SignatureHeader is empty")
	}
	if c.TimestampHeader != "" && c.TimestampTag != "" {
		refuse("TimestampHeader and TimestampTag exclude each other")
	}
	if c.TimestampTag != "" && (c.Separator == "" || c.Prefix == "" || c.TimestampTag == c.Prefix) {
		refuse("TimestampTag needs a Separator and a Prefix of another kind")
	}
	if c.Separator != "" && (strings.Contains(c.Prefix, c.Separator) || strings.Contains(c.TimestampTag, c.Separator)) {
		refuse("Separator is in Prefix or TimestampTag")
	}
	if c.TimestampUnit != 0 && c.TimestampUnit != time.Second && c.TimestampUnit != time.Millisecond {
		refuse("TimestampUnit is neither a second nor a millisecond")
	}
	if c.Algorithm > Ed25519 {
		refuse("Algorithm is unknown")
	}
	if c.Encoding > Base64 {
		refuse("Encoding is unknown")
	}
	if c.KeyEncoding > KeyBase64 || c.Algorithm == Ed25519 && c.KeyEncoding == KeyText {
		refuse("KeyEncoding is unknown, or text for an Ed25519 key")
	}
	return errors.Join(errs...)
}

// validateContent sees that what has a place in the content comes from somewhere,
// and that a time is signed: one that is not says nothing.
func (c Custom) validateContent(content content) error {
	hasTime := c.TimestampHeader != "" || c.TimestampTag != ""
	switch {
	case content.id && c.IDHeader == "":
		return errors.New("webhook: Custom.Content has {id}, and there is no IDHeader")
	case content.timestamp && !hasTime:
		return errors.New("webhook: Custom.Content has {timestamp}, and there is no TimestampHeader or TimestampTag")
	case hasTime && !content.timestamp:
		return errors.New("webhook: Custom.Content lacks {timestamp}: a time that is not signed says nothing")
	}
	return nil
}

func isName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return s != ""
}

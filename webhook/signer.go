package webhook

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Signer signs outgoing webhooks. Its methods may be called concurrently.
type Signer struct {
	layout *layout
	keys   []*key
}

// NewSigner returns a Signer that signs with each of secrets, so that receivers who
// know one of them are content: the new one and, while it is being replaced, the
// old one. Schemes whose header has room for one signature take one secret. Secrets
// are as for [New], but for private keys, and never weak.
func NewSigner(scheme Scheme, secrets []string) (*Signer, error) {
	layout, keys, err := open(scheme, secrets, keyUse{signing: true})
	if err != nil {
		return nil, err
	}
	if layout.list.separator == "" && len(keys) > 1 {
		return nil, errors.New("webhook: " + layout.name + " has room for one signature, and there are several secrets")
	}
	return &Signer{layout: layout, keys: keys}, nil
}

// Sign sets the headers of a delivery, in place of those that there are. Of id and
// timestamp those count that the scheme has; an id is the same for all attempts of a
// delivery, a timestamp is that of the attempt. An error says that the id or the
// timestamp is not one that the scheme can sign, or that it signs the URL.
func (s *Signer) Sign(header http.Header, id string, timestamp time.Time, body []byte) error {
	if s.layout.content.ofRequest {
		return errURLSigned
	}
	return s.sign(header, id, timestamp, message{body: body})
}

// SignRequest signs r as it is sent now. It fits the Sign hook of
// connectors/httprequest. The id is the request's Idempotency-Key, or its digest
// where the key is not an id that the scheme can sign, so that it is the same when
// the request is sent again; without a key it is random. For [Twilio], a body that
// is no form must have its digest in the URL's bodySHA256.
func (s *Signer) SignRequest(r *http.Request, body []byte) error {
	m, err := s.layout.message(r, "", body)
	if err != nil {
		return err
	}
	return s.sign(r.Header, s.idOf(r), time.Now(), m)
}

func (s *Signer) idOf(r *http.Request) string {
	key := r.Header.Get("Idempotency-Key")
	switch {
	case key == "":
		return "msg_" + rand.Text()
	case s.layout.isID(key):
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "msg_" + hex.EncodeToString(sum[:])
}

func (s *Signer) sign(header http.Header, id string, timestamp time.Time, m message) error {
	l, names := s.layout, &s.layout.headers[0]
	if names.id != "" && (id != "" || l.content.id) {
		if !l.isID(id) {
			return errors.New("webhook: the id is empty, too long, or has characters that cannot be signed")
		}
		m.id = id
	}
	if l.content.timestamp {
		n := timestamp.Unix()
		if l.unit == time.Millisecond {
			n = timestamp.UnixMilli()
		}
		m.timestamp = strconv.FormatInt(n, 10)
		if _, ok := parseTime(m.timestamp, l.unit); !ok {
			return errors.New("webhook: the timestamp is before 1970, or far ahead")
		}
	}
	signatures := s.signatures(&m)
	set := func(name, value string) {
		if name != "" && value != "" {
			header.Set(name, value)
		}
	}
	set(names.id, m.id)
	set(names.timestamp, m.timestamp)
	set(names.signature, signatures)
	return nil
}

// signatures returns the value of the header of signatures.
func (s *Signer) signatures(m *message) string {
	l := s.layout
	whole := l.content.appendTo(nil, m)
	elements := make([]string, 0, len(s.keys)+1)
	if l.list.timestamp != "" {
		elements = append(elements, l.list.timestamp+m.timestamp)
	}
	for _, k := range s.keys {
		elements = append(elements, l.list.prefix(k.algorithm)+string(l.encoding.append(nil, k.sign(whole))))
	}
	return strings.Join(elements, l.list.separator)
}

func (l *list) prefix(a Algorithm) string {
	for _, t := range l.tags {
		if t.algorithm == a {
			return t.prefix
		}
	}
	return "" // a key has the algorithm of one of the tags
}

func (k *key) sign(content []byte) []byte {
	if k.algorithm == Ed25519 {
		return ed25519.Sign(k.private, content)
	}
	h := k.mac.get()
	defer k.mac.put(h)
	_, _ = h.Write(content)
	return h.Sum(nil)
}

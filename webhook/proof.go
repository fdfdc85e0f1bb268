package webhook

import (
	"crypto/ed25519"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"slices"
)

// memory is what a proof needs, kept for the next one.
type memory struct {
	head, tail []byte // what is signed before and behind the body
	whole      []byte // all that is signed, for Ed25519
	sum, text  []byte // a signature, raw and encoded
	given      []byte // one that was sent
}

// keptMemory is the largest piece of memory that is kept.
const keptMemory = 256 << 10

func (m *memory) trim() {
	for _, b := range []*[]byte{&m.head, &m.tail, &m.whole, &m.given} {
		if cap(*b) > keptMemory {
			*b = nil
		}
	}
}

// find returns which of the keys has made one of the signatures, or -1.
func (l *layout) find(keys []*key, c *claim, m *message) int {
	if !l.twilio {
		return l.findExactly(keys, c, m)
	}
	// Twilio signs the URL with the port, or without it.
	if found := l.findExactly(keys, c, m); found >= 0 {
		return found
	}
	other := *m
	other.url = otherPort(m.url)
	return l.findExactly(keys, c, &other)
}

func (l *layout) findExactly(keys []*key, c *claim, m *message) int {
	c.head = m.append(c.head[:0], l.content.before)
	c.tail = m.append(c.tail[:0], l.content.after)
	c.whole = c.whole[:0]
	budget := maxVerifications
	for i, k := range keys {
		if !c.has(k.algorithm) {
			continue
		}
		if k.algorithm == Ed25519 {
			if l.verify(k.public, c, m, &budget) {
				return i
			}
			continue
		}
		h := k.mac.get()
		l.write(h, &c.memory, m)
		c.sum = h.Sum(c.sum[:0])
		k.mac.put(h)
		c.text = l.encoding.append(c.text[:0], c.sum)
		if c.compare(k.algorithm) {
			return i
		}
	}
	return -1
}

// has reports whether there is a signature of that algorithm: without one there
// is nothing to compute, and whoever sent the request knows that.
func (c *claim) has(a Algorithm) bool {
	for i := range c.signatures {
		if c.signatures[i].algorithm == a {
			return true
		}
	}
	return false
}

// write writes all that is signed of m, of which mem has what is not the body.
func (l *layout) write(h hash.Hash, mem *memory, m *message) {
	if len(mem.head) > 0 {
		_, _ = h.Write(mem.head)
	}
	if l.content.body {
		_, _ = h.Write(m.body)
	}
	if len(mem.tail) > 0 {
		_, _ = h.Write(mem.tail)
	}
}

// compare compares c.text with each signature of the algorithm, and takes as long
// whatever it finds.
func (c *claim) compare(a Algorithm) bool {
	equal := 0
	for i := range c.signatures {
		if s := &c.signatures[i]; s.algorithm == a {
			c.given = append(c.given[:0], s.text...)
			equal |= subtle.ConstantTimeCompare(c.text, c.given)
		}
	}
	return equal == 1
}

func (l *layout) verify(public ed25519.PublicKey, c *claim, m *message, budget *int) bool {
	found := false
	for i := range c.signatures {
		s := &c.signatures[i]
		if s.algorithm != Ed25519 {
			continue
		}
		var ok bool
		if c.sum, ok = l.encoding.decode(c.sum[:0], s.text); !ok || len(c.sum) != ed25519.SignatureSize {
			continue
		}
		if *budget--; *budget < 0 {
			break
		}
		if len(c.whole) == 0 {
			c.whole = l.content.appendTo(slices.Grow(c.whole, len(c.head)+len(m.body)+len(c.tail)), m)
		}
		found = ed25519.Verify(public, c.whole, c.sum) || found
	}
	return found
}

func (e Encoding) append(dst, src []byte) []byte {
	if e == Hex {
		return hex.AppendEncode(dst, src)
	}
	return base64.StdEncoding.AppendEncode(dst, src)
}

// decode appends to dst what text encodes, if it is the text that append makes.
func (e Encoding) decode(dst []byte, text string) ([]byte, bool) {
	var err error
	start := len(dst)
	if e == Hex {
		for i := range len(text) {
			if text[i] >= 'A' && text[i] <= 'F' {
				return dst, false
			}
		}
		dst, err = hex.AppendDecode(dst, []byte(text))
		return dst, err == nil
	}
	dst, err = base64.StdEncoding.Strict().AppendDecode(dst, []byte(text))
	// The decoder skips line breaks.
	return dst, err == nil && len(text) == base64.StdEncoding.EncodedLen(len(dst)-start)
}

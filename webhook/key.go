package webhook

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio's, in an HMAC, for which SHA-1 is not broken
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
)

// key is a secret that is ready for use.
type key struct {
	algorithm Algorithm
	mac       *macKey
	public    ed25519.PublicKey
	private   ed25519.PrivateKey // of signers
}

// macKey keeps hashes that have read the key.
type macKey struct {
	hash   func() hash.Hash
	secret []byte
	pool   sync.Pool
}

func (k *macKey) get() hash.Hash {
	if h, ok := k.pool.Get().(hash.Hash); ok {
		return h
	}
	return hmac.New(k.hash, k.secret)
}

func (k *macKey) put(h hash.Hash) {
	h.Reset() // nothing of a message stays behind
	k.pool.Put(h)
}

const minSecret = 24 // bytes; the least of Standard Webhooks

// keyFormat is how keys of a kind are written.
type keyFormat struct {
	algorithm Algorithm
	encoding  KeyEncoding
	prefix    string
	private   string // the prefix of an Ed25519 key that signs
	most      int    // bytes; 0: any number
}

// keyUse is what a key is for.
type keyUse struct{ signing, weak bool }

// key reads a secret. Its error continues a sentence and repeats none of it.
func (l *layout) key(secret string, use keyUse) (*key, error) {
	switch {
	case secret == "":
		return nil, errors.New("is empty")
	case strings.TrimSpace(secret) != secret:
		return nil, errors.New("has white space around it")
	}
	var prefixes []string
	for i := range l.keys {
		f := &l.keys[i]
		prefix := f.prefix
		if f.algorithm == Ed25519 && f.private != f.prefix {
			wrong := f.private
			if use.signing {
				prefix, wrong = f.private, f.prefix
			}
			if strings.HasPrefix(secret, wrong) {
				return nil, fmt.Errorf("begins with %s: a verifier has the public key, %s, and a signer the private one, %s", wrong, f.prefix, f.private)
			}
		}
		if text, ok := strings.CutPrefix(secret, prefix); ok {
			return f.parse(text, use)
		}
		prefixes = append(prefixes, prefix)
	}
	return nil, fmt.Errorf("does not begin with %s", strings.Join(prefixes, " or "))
}

func (f *keyFormat) parse(text string, use keyUse) (*key, error) {
	raw, err := f.encoding.decode(text)
	if err != nil {
		return nil, err
	}
	if f.algorithm == Ed25519 {
		return parseEd25519(raw, use.signing)
	}
	switch n := len(raw); {
	case n == 0:
		return nil, errors.New("is empty")
	case n < minSecret && !use.weak:
		return nil, fmt.Errorf("has %d bytes, want at least %d", n, minSecret)
	case f.most > 0 && n > f.most && !use.weak:
		return nil, fmt.Errorf("has %d bytes, want at most %d", n, f.most)
	}
	k := &key{algorithm: f.algorithm, mac: &macKey{hash: sha256.New, secret: raw}}
	switch f.algorithm {
	case HMACSHA512:
		k.mac.hash = sha512.New
	case HMACSHA1:
		k.mac.hash = sha1.New
	default:
	}
	return k, nil
}

func (e KeyEncoding) decode(text string) ([]byte, error) {
	switch e {
	case KeyHex:
		raw, err := hex.DecodeString(text)
		if err != nil {
			return nil, errors.New("is not in hexadecimal digits")
		}
		return raw, nil
	case KeyBase64:
		raw, ok := Base64.decode(nil, text)
		if !ok {
			return nil, errors.New("is not in base64 with padding")
		}
		return raw, nil
	default:
		return []byte(text), nil
	}
}

func parseEd25519(raw []byte, signing bool) (*key, error) {
	k := &key{algorithm: Ed25519}
	if !signing {
		if len(raw) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("has %d bytes, want the %d of a public key", len(raw), ed25519.PublicKeySize)
		}
		if isSmallOrder(raw) {
			return nil, errors.New("is a public key under which anybody can sign")
		}
		k.public = raw
		return k, nil
	}
	if len(raw) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("has %d bytes, want the %d of a seed and its public key", len(raw), ed25519.PrivateKeySize)
	}
	k.private = ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if !bytes.Equal(k.private, raw) {
		return nil, errors.New("is a seed with the public key of another one")
	}
	return k, nil
}

// isSmallOrder reports whether a public key is one of the few points of which
// eight are nothing, under which signatures can be made without the private key
// (RFC 8032 section 5.1.7 does not forbid them). They are told by their
// y-coordinate, which is 0, 1, -1, one of those of order eight, or 0 and 1 written
// as p and p + 1. The topmost bit is the sign of x.
func isSmallOrder(public []byte) bool {
	y := bytes.Clone(public)
	y[len(y)-1] &= 0x7f
	switch hex.EncodeToString(y) {
	case "0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f":
		return true
	default:
		return false
	}
}

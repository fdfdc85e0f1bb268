package redisstore

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/bracework/bracework/ratelimit"
)

// maxName is the length up to which the name of a limit shows in a key.
const maxName = 64

// names returns the key of a bucket in Redis, and what all buckets of its
// tenant have in common, which is the hash tag of their keys.
func (s *Store) names(key string) (name, tag string) {
	limit, tenant := ratelimit.SplitKey(key)
	tag = s.prefix + "{" + digest(tenant) + "}"
	if len(key) == len(tenant) {
		return tag, tag
	}
	if len(limit) > maxName {
		limit = digest(limit)
	}
	return tag + ":" + limit, tag
}

// name is the key in Redis of the bucket of a take.
func (s *Store) name(t *take) string {
	if t.name == "" {
		t.name, _ = s.names(t.key)
	}
	return t.name
}

// digest is 22 characters, whatever the length of text, and tells nothing of a
// text that cannot be guessed.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

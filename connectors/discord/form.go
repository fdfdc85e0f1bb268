package discord

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

const (
	// maxRefusals is how many members of a form an error names.
	maxRefusals = 5
	// maxDepth is how deep a form is. A message has four levels.
	maxDepth = 8
)

// refusals says which members of a message were refused, and why, by Discord's own
// codes. Of the tree that Discord sends only what is known to be no data is taken:
// names of members that a message has, positions, and words in capitals that are
// no part of the URL, which is a credential. The sentences beside them may repeat
// the message.
func refusals(tree json.RawMessage, url string) string {
	var found []string
	walk(tree, "", 0, func(path, code string) bool {
		if !strings.Contains(url, code) {
			found = append(found, path+" "+code)
		}
		return len(found) < maxRefusals
	})
	if len(found) == 0 {
		return ""
	}
	return ": " + strings.Join(found, ", ")
}

// walk tells path and code of each error below a node, until yield returns false.
func walk(raw json.RawMessage, path string, depth int, yield func(path, code string) bool) bool {
	var node map[string]json.RawMessage
	if depth > maxDepth || json.Unmarshal(raw, &node) != nil {
		return true
	}
	for _, key := range slices.Sorted(maps.Keys(node)) {
		switch {
		case key == "_errors":
			var list []struct {
				Code string `json:"code"`
			}
			_ = json.Unmarshal(node[key], &list)
			for _, e := range list {
				if isWord(e.Code) && !yield(orMessage(path), e.Code) {
					return false
				}
			}
		case isMember(key):
			if !walk(node[key], strings.TrimPrefix(path+"."+key, "."), depth+1, yield) {
				return false
			}
		}
	}
	return true
}

func orMessage(path string) string {
	if path == "" {
		return "message"
	}
	return path
}

// isMember reports whether a key is one of a message, or the position in a list.
func isMember(key string) bool {
	switch key {
	case "content", "username", "avatar_url", "tts", "embeds", "flags", "thread_id", "thread_name", "wait",
		"allowed_mentions", "parse", "users", "roles",
		"title", "description", "url", "color", "timestamp", "author", "footer", "image", "thumbnail", "fields",
		"name", "icon_url", "text", "value", "inline":
		return true
	default:
		return key != "" && len(key) <= 3 && allDigits(key)
	}
}

// isWord reports whether s has the form of Discord's codes for members.
func isWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

package template

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// step is one component of a literal path. It names a member of an object, or
// an item of an array when it is a number.
type step struct {
	key   string // unescaped
	index int    // the number that key is, or -1
}

// span is where a value stands in the data, without space around it. The span
// of a length is not in the data: its start is -1, and its end is the length.
type span struct {
	start, end int32
	kind       Kind
}

// trie holds the literal paths of a template, so that one pass over the data
// finds them all. Paths are added first; then any number of goroutines may
// scan.
type trie struct {
	root  *trieNode
	count int // slots, of next too
	depth int // steps of the longest path

	// gjson takes "01" for the number of an item, too. A path that spells a
	// number unlike a path before it goes here, and costs another pass, so that
	// an item has one node at most.
	next *trie

	deep sync.Pool // of *[]frame, when depth is not below shallow
}

// trieNode is a path, or the beginning of some.
type trieNode struct {
	parent *trieNode
	step   step
	slot   int // of the value, or -1
	length int // slot of the number of items, or -1

	kids    []*trieNode
	items   []*trieNode          // the kids that are numbers, in their order
	byName  map[string]*trieNode // the kids, when they are many
	sizes   uint64               // bit n is set when a kid's key has n bytes; 63 are 63 or more
	longest int                  // key of a kid, in bytes
}

const (
	manyKids = 8 // from here on a map is faster
	shallow  = 8 // frames that fit on the stack
)

func newTrie() *trie { return &trie{root: newTrieNode(nil, step{})} }

func newTrieNode(parent *trieNode, s step) *trieNode {
	return &trieNode{parent: parent, step: s, slot: -1, length: -1}
}

// slots is the number of spans that a scan fills.
func (t *trie) slots() int { return t.count }

// add returns the slot of a path, or with length of the number of items of the
// array there. The same path has the same slot. No steps are the whole data.
func (t *trie) add(steps []step, length bool) int {
	slot := t.insert(steps, length, t.count)
	t.count = max(t.count, slot+1)
	return slot
}

// insert gives a path that is new the slot free.
func (t *trie) insert(steps []step, length bool, free int) int {
	n := t.root
	for _, s := range steps {
		kid, twin := n.kid(s)
		if twin {
			if t.next == nil {
				t.next = newTrie()
			}
			return t.next.insert(steps, length, free)
		}
		if kid == nil {
			kid = n.grow(s)
		}
		n = kid
	}
	t.depth = max(t.depth, len(steps))
	slot := &n.slot
	if length {
		slot = &n.length
	}
	if *slot < 0 {
		*slot = free
	}
	return *slot
}

// kid finds the kid of a step. A twin is a kid of the same number but another
// spelling.
func (n *trieNode) kid(s step) (kid *trieNode, twin bool) {
	for _, kid := range n.kids {
		if kid.step.key == s.key {
			return kid, false
		}
		twin = twin || s.index >= 0 && kid.step.index == s.index
	}
	return nil, twin
}

func (n *trieNode) grow(s step) *trieNode {
	kid := newTrieNode(n, s)
	n.kids = append(n.kids, kid)
	n.sizes |= 1 << min(len(s.key), 63)
	n.longest = max(n.longest, len(s.key))
	if s.index >= 0 {
		i, _ := slices.BinarySearchFunc(n.items, s.index, func(k *trieNode, index int) int { return cmp.Compare(k.step.index, index) })
		n.items = slices.Insert(n.items, i, kid)
	}
	if len(n.kids) == manyKids {
		n.byName = make(map[string]*trieNode, manyKids)
		for _, k := range n.kids {
			n.byName[k.step.key] = k
		}
	} else if len(n.kids) > manyKids {
		n.byName[s.key] = kid
	}
	return kid
}

// named returns the kid that a member's name leads to, or nil.
func (n *trieNode) named(name string) *trieNode {
	if n.sizes>>min(len(name), 63)&1 == 0 {
		return nil
	}
	if n.byName != nil {
		return n.byName[name]
	}
	for _, kid := range n.kids {
		if kid.step.key == name {
			return kid
		}
	}
	return nil
}

// escaped is named for a name with escapes.
func (n *trieNode) escaped(raw string) *trieNode {
	var buf [520]byte // for a key as long as a path may be by default
	name := appendName(buf[:0], raw, n.longest)
	return n.named(unsafe.String(unsafe.SliceData(name), len(name))) //nolint:gosec // named keeps nothing
}

// appendName appends a name without its escapes. It stops when there are more
// than limit bytes. Half a surrogate pair becomes U+FFFD.
func appendName(dst []byte, raw string, limit int) []byte {
	for raw != "" && len(dst) <= limit {
		plain, rest, escaped := strings.Cut(raw, `\`)
		dst = append(dst, plain[:min(len(plain), limit+1-len(dst))]...)
		if !escaped {
			break
		}
		raw = rest[1:]
		switch c := rest[0]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hexRune(raw)
			raw = raw[4:]
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if strings.HasPrefix(raw, `\u`) {
					low = hexRune(raw[2:])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					raw = raw[6:]
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// hexRune is the number of the four hexadecimal digits in front of s.
func hexRune(s string) (r rune) {
	for i := range 4 {
		r = r<<4 | hexDigit(s[i])
	}
	return r
}

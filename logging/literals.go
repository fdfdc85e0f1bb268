package logging

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Of each form of a literal a window of minLiteral bytes is looked for. Where it
// stands, some gram of it, in full, begins at a multiple of stride. Only these are
// looked at, and most are told by one bit that they belong to no form.
const (
	gramSize = 4
	stride   = minLiteral - gramSize + 1
	// bitsPerGram makes one of so many other grams look like one of a form.
	bitsPerGram = 64
	leastBits   = 12 // a power of two
)

// literals finds a set of texts in a line. One that has more of them is a new one
// that shares its parts, so a line is searched for one set.
type literals struct {
	grams *grams
	bits  []atomic.Uint64 // a hash table of the grams, a bit each
	shift uint
	// escaped: a form has characters that are escaped in a line.
	escaped bool
}

type grams struct {
	mu     sync.RWMutex
	places map[uint32][]place
}

// place is where a gram stands in a form, which is a text as it stands in a line.
type place struct {
	form  string
	at    int
	first bool // of its window
}

// with returns l, which may be nil, with more texts. It must not be called
// concurrently.
func (l *literals) with(texts []string) *literals {
	if l == nil {
		l = &literals{grams: &grams{places: map[uint32][]place{}}}
	}
	more := *l
	l.grams.mu.Lock()
	defer l.grams.mu.Unlock()
	var forms []string
	var added []uint32
	for _, text := range texts {
		form := string(appendEscaped(nil, text))
		if !slices.Contains(forms, form) {
			forms = append(forms, form)
			more.escaped = more.escaped || form != text || strings.IndexByte(form, '\\') >= 0
			added = l.grams.add(form, added)
		}
	}
	if bitsPerGram*len(l.grams.places) <= 64*len(l.bits) {
		for _, gram := range added {
			more.set(gram)
		}
		return &more
	}
	more.shift = 32 - leastBits
	for more.shift > 8 && 1<<(32-more.shift) < 2*bitsPerGram*len(l.grams.places) {
		more.shift--
	}
	more.bits = make([]atomic.Uint64, 1<<(32-more.shift)/64)
	for gram := range l.grams.places {
		more.set(gram)
	}
	return &more
}

// add adds the grams of a form, also to added.
func (g *grams) add(form string, added []uint32) []uint32 {
	window := g.rarest(form)
	for at := window; at < window+stride; at++ {
		gram := gramAt(form, at)
		// A new slice: readers may have the old one.
		g.places[gram] = append(slices.Clip(g.places[gram]), place{form, at, at == window})
		added = append(added, gram)
	}
	return added
}

// rarest is the window of a form whose grams are in the fewest others: literals
// often begin alike, as the URLs of a service do.
func (g *grams) rarest(form string) int {
	best, least := 0, -1
	for window := range len(form) - minLiteral + 1 {
		most := 0
		for at := window; at < window+stride; at++ {
			most = max(most, len(g.places[gramAt(form, at)]))
		}
		if least < 0 || most <= least {
			best, least = window, most
		}
	}
	return best
}

func gramAt[T string | []byte](s T, at int) uint32 {
	s = s[at : at+gramSize]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

func (l *literals) set(gram uint32) {
	i := gram * spread >> l.shift
	l.bits[i/64].Or(1 << (i % 64))
}

// spread is Knuth's multiplier for hashes.
const spread = 0x9e3779b1

// placesOf returns the places of a gram.
func (l *literals) placesOf(gram uint32) []place {
	i := gram * spread >> l.shift
	if l.bits[i/64].Load()&(1<<(i%64)) == 0 {
		return nil
	}
	l.grams.mu.RLock()
	defer l.grams.mu.RUnlock()
	return l.grams.places[gram]
}

// in reports whether one of the forms is somewhere in b.
func (l *literals) in(b []byte) bool { return contains(l, b) }

func contains[T string | []byte](l *literals, s T) bool {
	for i := 0; i+gramSize <= len(s); i += stride {
		for _, p := range l.placesOf(gramAt(s, i)) {
			if p.at <= i && hasPrefix(s[i-p.at:], p.form) {
				return true
			}
		}
	}
	return false
}

func hasPrefix[T string | []byte](s T, prefix string) bool {
	return len(s) >= len(prefix) && string(s[:len(prefix)]) == prefix
}

// span is a part of a text.
type span struct{ start, end int }

// find returns where in b, the inside of a JSON string, literals are, in order and
// apart from each other. One begins and ends where a character or an escape
// sequence does, since its form is made of whole ones: what only looks like one
// behind a backslash is none.
func (l *literals) find(b []byte) []span {
	var all []span
	for i := 0; i+gramSize <= len(b); i++ {
		for _, p := range l.placesOf(gramAt(b, i)) {
			if p.first && p.at <= i && hasPrefix(b[i-p.at:], p.form) {
				all = append(all, span{i - p.at, i - p.at + len(p.form)})
			}
		}
	}
	i := 0
	return joined(slices.DeleteFunc(ordered(all), func(s span) bool {
		for i < s.start {
			i += escapeSize(b[i:])
		}
		return i != s.start
	}))
}

func ordered(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
	return spans
}

// joined makes one of those ordered spans that touch.
func joined(spans []span) []span {
	var merged []span
	for _, s := range spans {
		if n := len(merged); n > 0 && s.start <= merged[n-1].end {
			merged[n-1].end = max(merged[n-1].end, s.end)
		} else {
			merged = append(merged, s)
		}
	}
	return merged
}

package template

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// textFilter is a filter that reads and makes text.
func textFilter(f func(dst []byte, s string) []byte) FilterFunc {
	return func(dst []byte, in Value, _ []Value) ([]byte, Kind, error) {
		dst, err := rewrite(dst, in, func(dst []byte, s string) ([]byte, error) { return f(dst, s), nil })
		return dst, KindString, err
	}
}

func filterURLPath(dst []byte, in Value, _ []Value) ([]byte, Kind, error) {
	dst, err := rewrite(dst, in, appendURLPath)
	return dst, KindString, err
}

// rewrite appends what f makes of the text of a value. Text that has to be
// unescaped first lies in dst meanwhile.
func rewrite(dst []byte, in Value, f func(dst []byte, s string) ([]byte, error)) ([]byte, error) {
	if s, ok := in.text(); ok {
		return f(dst, s)
	}
	mark := len(dst)
	dst = in.AppendText(dst)
	end := len(dst)
	out, err := f(dst, stringOf(dst[mark:end]))
	if err != nil {
		return dst[:mark], err
	}
	return append(out[:mark], out[end:]...), nil
}

func appendUpper(dst []byte, s string) []byte {
	return appendCased(dst, s, 'a', 'z', unicode.ToUpper)
}

func appendLower(dst []byte, s string) []byte {
	return appendCased(dst, s, 'A', 'Z', unicode.ToLower)
}

// appendCased changes the case of the letters from first to last by their bit,
// and of those beyond ASCII by f.
func appendCased(dst []byte, s string, first, last byte, f func(rune) rune) []byte {
	dst = slices.Grow(dst, len(s))
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			for _, r := range s[i:] {
				dst = utf8.AppendRune(dst, f(r))
			}
			return dst
		case first <= c && c <= last:
			c ^= 'a' ^ 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// appendTitle raises the first letter of each word and keeps the others. A word
// goes on over letters, digits, combining marks and apostrophes.
func appendTitle(dst []byte, s string) []byte {
	inside := false
	for _, r := range s {
		word := unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '\'' || r == '’'
		if word && !inside {
			r = unicode.ToTitle(r)
		}
		inside = word
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// appendTrimmed drops Unicode's white space from both ends.
func appendTrimmed(dst []byte, s string) []byte { return append(dst, strings.TrimSpace(s)...) }

// appendBase64 writes the standard alphabet with padding (RFC 4648, section 4).
func appendBase64(dst []byte, s string) []byte {
	return base64.StdEncoding.AppendEncode(dst, bytesOf(s))
}

// prepareTruncate makes truncate(n, suffix). Text of more than n characters
// (code points) is cut so that with the suffix, … if none is given, it has at
// most n. The cut falls before a whole character: marks, joiners and skin tones
// stay with the one they change.
func prepareTruncate(args []Value, _ int) (FilterFunc, *argError) {
	n, err := strconv.Atoi(args[0].raw)
	if err != nil || n < 1 {
		return nil, &argError{0, "argument 1 of filter truncate must be a whole number of at least 1"}
	}
	suffix := "…"
	if len(args) > 1 {
		suffix = args[1].String()
	}
	keep := n - utf8.RuneCountInString(suffix)
	if keep < 0 {
		return nil, &argError{1, "the suffix of filter truncate is longer than its length"}
	}
	return textFilter(func(dst []byte, s string) []byte {
		cut, count := len(s), 0
		for i := range s {
			if count == keep {
				cut = i
			}
			if count == n {
				return append(append(dst, s[:wholeChars(s, cut)]...), suffix...)
			}
			count++
		}
		return append(dst, s...)
	}), nil
}

// wholeChars moves a cut back to where a character begins.
func wholeChars(s string, cut int) int {
	const joiner, tones, tonesEnd = '\u200d', '\U0001f3fb', '\U0001f3ff'
	for cut > 0 {
		next, _ := utf8.DecodeRuneInString(s[cut:])
		prev, size := utf8.DecodeLastRuneInString(s[:cut])
		if next != joiner && prev != joiner && !unicode.IsMark(next) && (next < tones || next > tonesEnd) {
			return cut
		}
		cut -= size
	}
	return 0
}

// prepareReplace makes replace(old, new), which replaces every old.
func prepareReplace(args []Value, limit int) (FilterFunc, *argError) {
	from, to := args[0].String(), args[1].String()
	if from == "" {
		return nil, &argError{0, "argument 1 of filter replace is empty"}
	}
	replace := func(dst []byte, s string) ([]byte, error) {
		// The size comes first: a long text times a long argument is no little.
		if n := strings.Count(s, from); len(s)+n*(len(to)-len(from)) > limit {
			return dst, ErrOutputTooLarge
		}
		for {
			before, after, found := strings.Cut(s, from)
			dst = append(dst, before...)
			if !found {
				return dst, nil
			}
			dst = append(dst, to...)
			s = after
		}
	}
	return func(dst []byte, in Value, _ []Value) ([]byte, Kind, error) {
		dst, err := rewrite(dst, in, replace)
		return dst, KindString, err
	}, nil
}

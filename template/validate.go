package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/tidwall/gjson"
)

// part is a template, or a string of a document.
type part struct {
	src     string
	pointer string
	nodes   []node
}

// validate reports all problems.
func (p *program) validate(data []byte, parts ...part) error {
	r, err := p.open(data)
	if err != nil {
		return err
	}
	defer p.done(r)
	return p.validation(p.problems(r, parts))
}

func (p *program) validation(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &ValidationError{Name: p.name, Problems: problems}
}

// failure is the error of a rendering that t, a tag of x, has stopped. Missing
// paths, all of them, come before what else is wrong.
func (p *program) failure(r *room, err error, t *tag, x part, all ...part) error {
	if errors.Is(err, ErrOutputTooLarge) {
		return err
	}
	use := Use{Pos: position(x.src, t.at), Pointer: x.pointer}
	if p.missing == MissingError {
		missing := slices.DeleteFunc(p.problems(r, all), func(x Problem) bool { return x.Kind != ProblemMissing })
		if errors.Is(err, ErrMissing) && len(missing) == 0 {
			missing = []Problem{{Use: use, Path: t.src}} // a filter that changes its mind
		}
		if len(missing) > 0 {
			return p.validation(missing)
		}
	}
	failed, ok := errors.AsType[*FilterError](err)
	if !ok {
		failed = &FilterError{Err: err}
	}
	failed.Use = use
	return failed
}

func (p *program) problems(r *room, parts []part) (problems []Problem) {
	for _, x := range parts {
		where := locator{src: x.src}
		for i := range x.nodes {
			if t := x.nodes[i].tag; t != nil {
				problems = p.appendProblems(problems, r, t, Use{Pos: where.at(t.at), Pointer: x.pointer})
			}
		}
	}
	return problems
}

func (p *program) appendProblems(problems []Problem, r *room, t *tag, use Use) []Problem {
	_, at := p.operand(r, t)
	v, err := p.eval(r, t)
	if err == nil && v.Exists() && p.escape != nil {
		r.inside, err = p.appendText(r.inside[:0], r, t, v, p.limits.MaxOutput)
	}
	if err != nil {
		detail := "escaper"
		if failed, ok := errors.AsType[*FilterError](err); ok {
			detail = "filter " + failed.Filter
			if !slices.ContainsFunc(t.filters, func(c call) bool { return c.f.custom }) {
				detail += ": " + strings.TrimPrefix(failed.Err.Error(), "template: ") // names no value
			}
		}
		if errors.Is(err, ErrOutputTooLarge) {
			return problems
		}
		return append(problems, Problem{Use: use, Path: t.name(at), Kind: ProblemType, Detail: detail})
	}
	if !v.Exists() {
		return p.appendMissingPaths(problems, r, t, use)
	}
	if at < 0 || t.operands[at].path == nil {
		return problems
	}
	if v.kind == KindNull {
		return append(problems, Problem{Use: use, Path: t.name(at), Kind: ProblemNull})
	}
	return p.appendProjection(problems, r, t.operands[at].path, use)
}

// name is the path of an operand, or the tag.
func (t *tag) name(operand int) string {
	if operand >= 0 && t.operands[operand].path != nil {
		return t.operands[operand].path.text
	}
	return t.src
}

// maxNearest is for how many missing paths it is said what may have been meant.
const maxNearest = 8

func (p *program) appendMissingPaths(problems []Problem, r *room, t *tag, use Use) []Problem {
	before := len(problems)
	for i, op := range t.operands {
		if op.path == nil {
			continue
		}
		x := Problem{Use: use, Path: t.name(i), Kind: ProblemMissing}
		if len(problems) < maxNearest {
			x.Prefix, x.Suggest = p.nearest(r, op.path)
		}
		problems = append(problems, x)
	}
	if len(problems) == before { // a filter has made nothing of a literal
		problems = append(problems, Problem{Use: use, Path: t.src, Kind: ProblemMissing})
	}
	return problems
}

// appendProjection looks at a path whose literal part leads to an array, of
// whose items it takes something.
func (p *program) appendProjection(problems []Problem, r *room, x *path, use Use) []Problem {
	if x.lines || !strings.HasPrefix(x.rest, "#.") || len(x.stages) != 1 {
		return problems
	}
	s := r.spans[x.slot]
	if s.kind != KindArray {
		return problems
	}
	items, found := Value{raw: r.doc[s.start:s.end], kind: s.kind}.Len(), p.value(r, x)
	if found.kind != KindArray || items == 0 {
		return problems
	}
	switch n := found.Len(); {
	case n == 0:
		return append(problems, Problem{Use: use, Path: x.text, Kind: ProblemEmptyProjection, Detail: fmt.Sprintf("0 of %d", items)})
	case n < items:
		return append(problems, Problem{Use: use, Path: x.text, Kind: ProblemPartialProjection, Detail: fmt.Sprintf("%d of %d", n, items)})
	}
	return problems
}

// maxNearestDepth bounds how far nearest looks: each step is a pass.
const maxNearestDepth = 8

// nearest returns the longest literal part of a missing path that exists, as far
// as it looks, and what the next component may have been meant to be.
func (p *program) nearest(r *room, x *path) (prefix, suggest string) {
	if x.lines {
		return "", ""
	}
	parent, depth := gjson.Parse(strings.TrimPrefix(r.doc, bom)), 0
	for _, s := range x.prefix[:min(len(x.prefix), maxNearestDepth)] {
		next, ok := child(parent, s)
		if !ok {
			break
		}
		parent = next
		depth++
	}
	from := 0
	if depth > 0 {
		prefix = x.text[:x.parts[depth-1]]
		from = min(x.parts[depth-1]+1, len(x.text))
	}
	if !parent.IsObject() || depth >= len(x.prefix) || depth == maxNearestDepth {
		return prefix, ""
	}
	if name := similar(parent, x.prefix[depth].key); name != "" {
		suggest = x.text[:from] + Key(strings.Clone(name)) // the data is the caller's
	}
	return prefix, suggest
}

// similar is the member whose name is spelled most like want, or empty. Names
// that could break a line of a log are passed over.
func similar(object gjson.Result, want string) (name string) {
	best := max(2, len(want)/3) + 1
	if len(want) <= 3 {
		best = 2
	}
	best = min(best, len(want))
	checked := 0
	object.ForEach(func(key, _ gjson.Result) bool {
		if d := distance(want, key.Str, best); d < best && !strings.ContainsFunc(key.Str, unprintable) {
			best, name = d, key.Str
		}
		checked++
		return checked < 1000 // a suggestion is not worth more
	})
	return name
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// child is the member or item of a value that a step leads to.
func child(v gjson.Result, s step) (found gjson.Result, ok bool) {
	i := 0
	v.ForEach(func(key, item gjson.Result) bool {
		ok = v.IsObject() && key.Str == s.key || v.IsArray() && i == s.index
		i++
		if ok {
			found = item
		}
		return !ok
	})
	return found, ok
}

// distance is the number of single-byte edits between a and b, or limit when
// it is not less.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit || len(a) > 64 || len(b) > 64 {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j]+1, row[j+1]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return min(row[len(b)], limit)
}

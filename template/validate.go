package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"

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

// missingError is the error of a rendering: all missing paths.
func (p *program) missingError(r *room, parts ...part) error {
	missing := slices.DeleteFunc(p.problems(r, parts), func(x Problem) bool { return x.Kind != ProblemMissing })
	return p.validation(missing)
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
	first := t.operands[0].path
	v, err := p.eval(r, t)
	switch failed, isFilter := errors.AsType[*FilterError](err); {
	case isFilter && first != nil:
		return append(problems, Problem{Use: use, Path: first.text, Kind: ProblemType, Detail: "filter " + failed.Filter})
	case err != nil:
		return problems
	case !v.Exists():
		for _, op := range t.operands {
			if op.path != nil {
				prefix, suggest := p.nearest(r, op.path)
				problems = append(problems, Problem{Use: use, Path: op.path.text, Kind: ProblemMissing, Prefix: prefix, Suggest: suggest})
			}
		}
		return problems
	case v.kind == KindNull && first != nil:
		return append(problems, Problem{Use: use, Path: first.text, Kind: ProblemNull})
	}
	for _, op := range t.operands {
		if op.path != nil {
			problems = p.appendProjection(problems, r, op.path, use)
		}
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

// nearest returns the longest literal part of a missing path that exists, and
// what the next component may have been meant to be.
func (p *program) nearest(r *room, x *path) (prefix, suggest string) {
	if x.lines {
		return "", ""
	}
	parent, depth := gjson.Parse(r.doc), 0
	for _, s := range x.prefix {
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
	if !parent.IsObject() || depth >= len(x.prefix) {
		return prefix, ""
	}
	want := x.prefix[depth].key
	best := max(2, len(want)/3) + 1
	checked := 0
	parent.ForEach(func(key, _ gjson.Result) bool {
		if d := distance(want, key.Str, best); d < best && key.Str != "" {
			best, suggest = d, x.text[:from]+Key(key.Str)
		}
		checked++
		return checked < 1000 // a suggestion is not worth more
	})
	return prefix, suggest
}

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

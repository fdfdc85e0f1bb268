package template

import (
	"slices"

	"github.com/tidwall/gjson"
)

// PathRef is a path that a template reads.
type PathRef struct {
	Path string
	// Optional is true when every use has a literal fallback, so that data
	// without the path is complete.
	Optional bool
	Uses     []Use
}

// Paths lists the paths of the template, each once, in the order of first use.
func (t *Template) Paths() []PathRef { return appendPaths(nil, t.src, t.nodes, "") }

// Validate reports what data lacks: nil, or a [*ValidationError] with every
// missing path, or a [*DataError]. It is nil exactly when [Template.Append]
// with MissingError succeeds, but for the size of the output.
func (t *Template) Validate(data []byte) error {
	json, err := checkData(data, t.settings.limits, usesLines(t.nodes))
	if err != nil {
		return err
	}
	return validation(t.settings.name, appendProblems(nil, json, t.src, t.nodes, ""))
}

func validation(name string, problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &ValidationError{Name: name, Problems: problems}
}

func appendPaths(refs []PathRef, src string, nodes []node, pointer string) []PathRef {
	for _, n := range nodes {
		optional := len(n.tag) > 0 && n.tag[len(n.tag)-1].isLiteral()
		for _, op := range n.tag {
			if op.isLiteral() {
				continue
			}
			i := slices.IndexFunc(refs, func(r PathRef) bool { return r.Path == op.path.text })
			if i < 0 {
				i = len(refs)
				refs = append(refs, PathRef{Path: op.path.text, Optional: true})
			}
			refs[i].Optional = refs[i].Optional && optional
			refs[i].Uses = append(refs[i].Uses, Use{Pos: position(src, n.at), Pointer: pointer})
		}
	}
	return refs
}

// appendProblems lists the tags whose operands are all missing, by their first
// path.
func appendProblems(problems []Problem, json, src string, nodes []node, pointer string) []Problem {
	for _, n := range nodes {
		if n.tag == nil {
			continue
		}
		if _, ok := lookup(json, n.tag); ok {
			continue
		}
		p := n.tag[0].path
		prefix, suggest := nearest(json, p)
		problems = append(problems, Problem{Use: Use{Pos: position(src, n.at), Pointer: pointer}, Path: p.text, Prefix: prefix, Suggest: suggest})
	}
	return problems
}

// nearest returns the longest part of a missing path that exists, and what the
// next component may have been meant to be.
func nearest(json string, p path) (prefix, suggest string) {
	parent, from := gjson.Parse(json), 0
	for _, end := range slices.Backward(p.parts) {
		text := p.text[:end]
		if text == "" || text == "." {
			continue
		}
		if r := gjson.Get(json, text); r.Exists() {
			parent, from, prefix = r, end+1, text
			break
		}
	}
	if !parent.IsObject() {
		return prefix, ""
	}
	end := len(p.text)
	for _, at := range p.parts {
		if at >= from {
			end = at
			break
		}
	}
	best := max(2, (end-from)/3) + 1
	want := p.text[from:end]
	checked := 0
	parent.ForEach(func(key, _ gjson.Result) bool {
		name := Key(key.Str)
		if d := distance(want, name, best); d < best {
			best, suggest = d, p.text[:from]+name
		}
		checked++
		return checked < 1000 // a suggestion is not worth more
	})
	return prefix, suggest
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

package template

import "slices"

// PathRef is a path that a template reads.
type PathRef struct {
	Path string
	// Optional is true when no use needs a value: each has a literal fallback,
	// or a filter that takes a missing value.
	Optional bool
	Uses     []Use
}

// appendPaths appends the paths of a template that are not in refs, and all
// their uses.
func appendPaths(refs []PathRef, src string, nodes []node, pointer string) []PathRef {
	at := locator{src: src}
	for _, n := range nodes {
		if n.tag == nil {
			continue
		}
		use := Use{Pos: at.at(n.tag.at), Pointer: pointer}
		optional := n.tag.optional()
		for _, op := range n.tag.operands {
			if op.path == nil {
				continue
			}
			i := slices.IndexFunc(refs, func(r PathRef) bool { return r.Path == op.path.text })
			if i < 0 {
				i = len(refs)
				refs = append(refs, PathRef{Path: op.path.text, Optional: true})
			}
			refs[i].Optional = refs[i].Optional && optional
			refs[i].Uses = append(refs[i].Uses, use)
		}
	}
	return refs
}

// optional reports whether a tag renders over data that has none of its paths.
func (t *tag) optional() bool {
	return slices.ContainsFunc(t.operands, func(op operand) bool { return op.path == nil }) ||
		slices.ContainsFunc(t.filters, func(c call) bool { return c.f.accepts.has(KindMissing) })
}

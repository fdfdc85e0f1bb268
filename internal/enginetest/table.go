package enginetest

// procInfo is a line of the system's table of processes.
type procInfo struct {
	parent int
	state  byte // as ps shows it; 0 for a process that does not exist
}

// alive reports whether the process exists and can still do something: a zombie
// only waits for its parent to ask how it ended.
func (i procInfo) alive() bool { return i.state != 0 && i.state != 'Z' && i.state != 'X' }

// runs reports whether the process is alive and not stopped.
func (i procInfo) runs() bool { return i.alive() && i.state != 'T' && i.state != 't' }

// below returns the living descendants of root, parents before children.
func below(table map[int]procInfo, root int) []int {
	var family []int
	for todo := []int{root}; len(todo) > 0; todo = todo[1:] {
		for pid, info := range table {
			if info.parent == todo[0] && info.alive() {
				family = append(family, pid)
				todo = append(todo, pid)
			}
		}
	}
	return family
}

package enginetest

import "slices"

// Family returns the process and everything below it.
func Family(pid int) ([]int, error) {
	table, err := processes()
	return append([]int{pid}, below(table, pid)...), err
}

// Living returns which of the processes live, zombies not counted.
func Living(pids []int) ([]int, error) {
	table, err := processes()
	return slices.DeleteFunc(slices.Clone(pids), func(pid int) bool { return !table[pid].alive() }), err
}

// Dir returns the directory that the server works in.
func (e *engine) Dir() string { return e.cmd.dir }

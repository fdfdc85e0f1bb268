//go:build unix && !linux

package enginetest

import (
	"fmt"
	"os/exec"
	"strings"
)

// processes asks ps.
func processes() (map[int]procInfo, error) {
	path, err := exec.LookPath("ps")
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: path, Args: []string{"ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "state="}}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ps: %w", err)
	}
	table := map[int]procInfo{}
	for line := range strings.Lines(string(out)) {
		var pid, parent int
		var state string
		if n, _ := fmt.Sscan(line, &pid, &parent, &state); n == 3 {
			table[pid] = procInfo{parent: parent, state: state[0]}
		}
	}
	return table, nil
}

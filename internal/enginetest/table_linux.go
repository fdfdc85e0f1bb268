package enginetest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// processes reads /proc: a container may be without ps.
func processes() (map[int]procInfo, error) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	table := make(map[int]procInfo, len(dirs))
	for _, dir := range dirs {
		pid, err := strconv.Atoi(dir.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", dir.Name(), "stat"))
		if err != nil {
			continue // it ended
		}
		// pid (name) state parent ...: the name may hold anything, ")" as well.
		text := string(stat)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		if len(fields) < 2 {
			continue
		}
		parent, err := strconv.Atoi(fields[1])
		if err != nil {
			continue
		}
		table[pid] = procInfo{parent: parent, state: fields[0][0]}
	}
	return table, nil
}

// Package house_test checks what holds for the repository as a whole.
package house_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const core = "github.com/bracework/bracework"

// outside lists what packages may import besides the standard library and
// internal/. A package that is not listed may import nothing else.
func outside(pkg string) []string {
	return map[string][]string{
		"ratelimit":   {"golang.org/x/time/rate"},
		"template":    {"github.com/tidwall/gjson", "github.com/tidwall/match", "github.com/tidwall/pretty"},
		"idempotency": {"github.com/tidwall/gjson", "github.com/tidwall/match", "github.com/tidwall/pretty"},
		"breaker":     {"github.com/sony/gobreaker/v2"},
		"connectors":  {"golang.org/x/time/rate"},
	}[pkg]
}

func goCmd(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	require.NoError(t, err, "go %s", strings.Join(args, " "))
	return out
}

const root = "../.."

func TestPackagesDependOnlyOnTheirOwn(t *testing.T) {
	t.Parallel()
	out := goCmd(t, "list", "-f", `{{.ImportPath}}{{range .Deps}} {{.}}{{end}}`, "./...")
	for line := range strings.Lines(string(out)) {
		deps := strings.Fields(line)
		pkg, ok := strings.CutPrefix(deps[0], core+"/")
		require.True(t, ok, "the module has no root package")
		if strings.HasPrefix(pkg, "internal/") || strings.HasPrefix(pkg, "examples/") || strings.HasSuffix(pkg, "test") {
			continue
		}
		parent, _, _ := strings.Cut(pkg, "/")
		for _, dep := range deps[1:] {
			first, _, _ := strings.Cut(dep, "/")
			own, ours := strings.CutPrefix(dep, core+"/")
			switch {
			case ours:
				assert.True(t, strings.HasPrefix(own, "internal/") || own == parent || strings.HasPrefix(own, parent+"/"), "%s imports %s", pkg, own)
			case !strings.Contains(first, "."), strings.HasPrefix(dep, "vendor/"):
				// standard library
			default:
				assert.Contains(t, outside(parent), dep, "%s imports %s", pkg, dep)
			}
		}
	}
}

func TestCoreRequiresFourModules(t *testing.T) {
	t.Parallel()
	var mod struct {
		Go        string
		Toolchain string
		Require   []struct {
			Path     string
			Indirect bool
		}
	}
	require.NoError(t, json.Unmarshal(goCmd(t, "mod", "edit", "-json"), &mod))
	var direct []string
	for _, r := range mod.Require {
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	slices.Sort(direct)
	assert.Subset(t, []string{"github.com/sony/gobreaker/v2", "github.com/stretchr/testify", "github.com/tidwall/gjson", "golang.org/x/time"}, direct)
	assert.Equal(t, "1.26.0", mod.Go)
	assert.Empty(t, mod.Toolchain)
}

func TestWorkspaceListsEveryModuleAtItsVersion(t *testing.T) {
	t.Parallel()
	var work struct {
		Use     []struct{ DiskPath string }
		Replace []struct {
			Old, New struct{ Path, Version string }
		}
	}
	require.NoError(t, json.Unmarshal(goCmd(t, "work", "edit", "-json", "go.work"), &work))
	var listed []string
	for _, use := range work.Use {
		listed = append(listed, filepath.Clean(use.DiskPath))
	}
	modules := find(t, func(path string) bool { return filepath.Base(path) == "go.mod" })
	var dirs []string
	required := map[string][]string{}
	for _, path := range modules {
		dir := filepath.Dir(path)
		if dir != "benchmarks" {
			dirs = append(dirs, dir)
		}
		var mod struct {
			Go      string
			Require []struct{ Path, Version string }
			Replace []struct{ Old struct{ Path string } }
		}
		require.NoError(t, json.Unmarshal(goCmd(t, "mod", "edit", "-json", path), &mod))
		assert.Equal(t, "1.26.0", mod.Go, path)
		replaced := map[string]bool{}
		for _, r := range mod.Replace {
			replaced[r.Old.Path] = true
		}
		for _, r := range mod.Require {
			if (r.Path == core || strings.HasPrefix(r.Path, core+"/")) && !replaced[r.Path] {
				required[r.Path] = append(required[r.Path], r.Version)
			}
		}
	}
	assert.ElementsMatch(t, dirs, listed, "go.work lists every module but benchmarks")
	for _, r := range work.Replace {
		for _, version := range required[r.Old.Path] {
			assert.Equal(t, version, r.Old.Version, "go.work replaces %s at a version that nobody requires", r.Old.Path)
		}
		assert.Contains(t, required, r.Old.Path, "go.work replaces what nobody requires")
	}
}

func TestReadmeShowsTheMinimalProgram(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	program, err := os.ReadFile(filepath.Join(root, "examples/minimal/main.go"))
	require.NoError(t, err)
	_, rest, ok := bytes.Cut(readme, []byte("```go\n"))
	require.True(t, ok)
	shown, _, ok := bytes.Cut(rest, []byte("```\n"))
	require.True(t, ok)
	assert.Equal(t, string(program), string(shown))
	assert.LessOrEqual(t, bytes.Count(program, []byte("\n")), 40)
}

// Every problem type that the code can send has its section on the page that
// the type points to.
func TestProblemTypesAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "docs/problems.md"))
	require.NoError(t, err)
	anchor := regexp.MustCompile(`ProblemBase \+ "([a-z-]+)"|(?s)http\.Status\w+, "([a-z-]+)", "`)
	seen := 0
	for _, path := range find(t, func(path string) bool { return strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") }) {
		src, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		for _, m := range anchor.FindAllSubmatch(src, -1) {
			seen++
			assert.Contains(t, string(page), "## "+string(m[1])+string(m[2])+"\n", "%s", path)
		}
	}
	assert.Positive(t, seen)
}

func TestLinksInThePagesLeadSomewhere(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	for _, path := range find(t, func(path string) bool { return strings.HasSuffix(path, ".md") }) {
		src, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		for _, m := range link.FindAllSubmatch(src, -1) {
			target := filepath.Join(root, filepath.Dir(path), string(m[1]))
			_, err := os.Stat(target)
			assert.NoError(t, err, "%s links to %s", path, m[1])
		}
	}
}

// A test that a page names is there.
func TestPagesNameTestsThatExist(t *testing.T) {
	t.Parallel()
	var tests strings.Builder
	for _, path := range find(t, func(path string) bool { return strings.HasSuffix(path, "_test.go") }) {
		src, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		tests.Write(src)
	}
	named := regexp.MustCompile("`(Test[A-Z]\\w+)`")
	for _, path := range find(t, func(path string) bool { return strings.HasSuffix(path, ".md") }) {
		src, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		for _, m := range named.FindAllSubmatch(src, -1) {
			assert.Contains(t, tests.String(), "func "+string(m[1])+"(t *testing.T)", "%s", path)
		}
	}
}

// find walks the tree without hidden folders, except .github.
func find(t *testing.T, match func(path string) bool) []string {
	t.Helper()
	var paths []string
	require.NoError(t, fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && len(path) > 1 && strings.HasPrefix(d.Name(), ".") && d.Name() != ".github":
			return fs.SkipDir
		case !d.IsDir() && match(path):
			paths = append(paths, path)
		}
		return nil
	}))
	return paths
}

package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// manifest is what the tests read of a Kubernetes object.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Replicas int
		Strategy struct{ Type string }
		Selector yaml.Node
		Ports    []struct {
			Name       string
			Port       int
			TargetPort string `yaml:"targetPort"`
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     podSpec
		}
	}
}

type podSpec struct {
	Grace           int `yaml:"terminationGracePeriodSeconds"`
	SecurityContext struct {
		RunAsNonRoot bool `yaml:"runAsNonRoot"`
		RunAsUser    int  `yaml:"runAsUser"`
		FSGroup      int  `yaml:"fsGroup"`
	} `yaml:"securityContext"`
	Containers []container
	Volumes    []struct {
		Name  string
		Claim struct {
			Name string `yaml:"claimName"`
		} `yaml:"persistentVolumeClaim"`
	}
}

type container struct {
	Ports []struct {
		Name string
		Port int `yaml:"containerPort"`
	}
	Env             []struct{ Name, Value string }
	Startup         probe `yaml:"startupProbe"`
	Liveness        probe `yaml:"livenessProbe"`
	Readiness       probe `yaml:"readinessProbe"`
	SecurityContext struct {
		ReadOnly   bool `yaml:"readOnlyRootFilesystem"`
		Escalation bool `yaml:"allowPrivilegeEscalation"`
	} `yaml:"securityContext"`
	VolumeMounts []struct {
		Name string
		Path string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet struct {
		Path, Port, Scheme string
		Host               string
	} `yaml:"httpGet"`
	Period  int `yaml:"periodSeconds"`
	Timeout int `yaml:"timeoutSeconds"`
	Fails   int `yaml:"failureThreshold"`
}

func (p probe) timeout() time.Duration { return time.Duration(p.Timeout) * time.Second }

// noticed is how long a failure takes to be acted on.
func (p probe) noticed() time.Duration { return time.Duration(p.Period*p.Fails) * time.Second }

// manifests reads all of deploy/kubernetes by kind.
func manifests(t *testing.T) map[string]manifest {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("deploy", "kubernetes", "*.yaml"))
	require.NoError(t, err)
	all := map[string]manifest{}
	for _, file := range files {
		f, err := os.Open(file)
		require.NoError(t, err)
		for decoder := yaml.NewDecoder(f); ; {
			var m manifest
			if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, file)
			require.NotContains(t, all, m.Kind, file)
			all[m.Kind] = m
		}
		require.NoError(t, f.Close())
	}
	return all
}

func deployed(t *testing.T) (podSpec, container, map[string]string) {
	t.Helper()
	pod := manifests(t)["Deployment"].Spec.Template.Spec
	require.Len(t, pod.Containers, 1)
	c := pod.Containers[0]
	variables := map[string]string{}
	for _, e := range c.Env {
		variables[e.Name] = e.Value
	}
	return pod, c, variables
}

// The server runs with the environment of the manifest, and answers each probe
// where the manifest asks.
func TestManifestProbesFindTheServer(t *testing.T) {
	t.Parallel()
	_, c, variables := deployed(t)
	_, port, err := net.SplitHostPort(variables["ADDR"])
	require.NoError(t, err)
	require.Len(t, c.Ports, 1)
	assert.Equal(t, "8080", port)
	assert.Equal(t, 8080, c.Ports[0].Port)
	for _, m := range c.VolumeMounts {
		assert.Equal(t, variables["DATA_DIR"], m.Path, "the root file system is read-only")
	}
	// The rest of the environment as it stands; a wrong name or value would end
	// the server, or be no variable of it.
	known := map[string]bool{}
	_, err = loadConfig(func(name string) string {
		known[name] = true
		return env(map[string]string{"DATA_DIR": t.TempDir()})(name)
	})
	require.NoError(t, err)
	for name := range variables {
		assert.True(t, known[name], "the server reads no %s", name)
	}
	delete(variables, "ADDR")
	delete(variables, "DATA_DIR")
	variables["DRAIN_DELAY"] = "0s" // TestManifestTimes looks at it; the test need not wait for it
	_, _, url := serving(t, variables, nil)
	eventually(t, url, http.StatusOK, allOK)

	for body, p := range map[string]probe{
		`{"status":"started"}`: c.Startup, `{"status":"alive"}`: c.Liveness, `{"status":"ready"}`: c.Readiness,
	} {
		code, got := get(t.Context(), url+p.HTTPGet.Path)
		assert.Equal(t, http.StatusOK, code, p.HTTPGet.Path)
		assert.JSONEq(t, body, got)
		assert.Equal(t, c.Ports[0].Name, p.HTTPGet.Port)
		assert.Contains(t, []string{"", "HTTP"}, p.HTTPGet.Scheme)
		assert.Empty(t, p.HTTPGet.Host, "the pod's address")
	}
}

// budget is the default of health.Config.Budget.
const budget = 750 * time.Millisecond

func TestManifestTimes(t *testing.T) {
	t.Parallel()
	pod, c, variables := deployed(t)
	for name, p := range map[string]probe{"startup": c.Startup, "liveness": c.Liveness, "readiness": c.Readiness} {
		assert.Greater(t, p.timeout(), budget, name)
		assert.LessOrEqual(t, p.Timeout, p.Period, name)
		assert.Positive(t, p.Fails, name)
	}
	variables["DATA_DIR"] = t.TempDir()
	cfg, err := loadConfig(env(variables))
	require.NoError(t, err)
	assert.GreaterOrEqual(t, cfg.drainDelay, c.Readiness.noticed(), "a balancer that asks like the kubelet notices before the listener closes")
	grace := time.Duration(pod.Grace) * time.Second
	assert.GreaterOrEqual(t, grace, cfg.drainDelay+shutdownTimeout+5*time.Second)
	assert.Greater(t, c.Liveness.noticed(), c.Readiness.noticed(), "out of rotation first, restarted later")
}

func TestManifestIsOnePodOnOneFile(t *testing.T) {
	t.Parallel()
	all := manifests(t)
	deployment, service := all["Deployment"], all["Service"]
	pod, c, _ := deployed(t)
	assert.Equal(t, 1, deployment.Spec.Replicas)
	assert.Equal(t, "Recreate", deployment.Spec.Strategy.Type)
	require.Len(t, pod.Volumes, 1)
	assert.Equal(t, all["PersistentVolumeClaim"].Metadata.Name, pod.Volumes[0].Claim.Name)
	assert.Equal(t, pod.Volumes[0].Name, c.VolumeMounts[0].Name)

	var selected struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	}
	require.NoError(t, deployment.Spec.Selector.Decode(&selected))
	labels := deployment.Spec.Template.Metadata.Labels
	assert.Equal(t, labels, selected.MatchLabels)
	var byService map[string]string
	require.NoError(t, service.Spec.Selector.Decode(&byService))
	assert.Equal(t, labels, byService)
	require.Len(t, service.Spec.Ports, 1)
	assert.Equal(t, c.Ports[0].Name, service.Spec.Ports[0].TargetPort)

	assert.True(t, pod.SecurityContext.RunAsNonRoot)
	assert.Positive(t, pod.SecurityContext.RunAsUser, "an image may name its user; the kubelet cannot tell whether that is root")
	assert.Equal(t, pod.SecurityContext.RunAsUser, pod.SecurityContext.FSGroup)
	assert.True(t, c.SecurityContext.ReadOnly)
	assert.False(t, c.SecurityContext.Escalation)
}

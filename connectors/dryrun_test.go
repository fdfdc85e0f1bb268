package connectors_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/internal/httpx"
)

func TestDryRunHandler(t *testing.T) {
	t.Parallel()
	const plain = `{"action_type":"fake","config_json":"{\"a\":\"x\"}"}`
	tests := []struct {
		name, method, target, body string
		status                     int
		want                       string // a result's message, or a problem's anchor
		code                       string // of a result without success
	}{
		{"plain", "POST", "/", plain, 200, `would do {"a":"x"}`, ""},
		{"mode plan", "POST", "/?mode=plan", plain, 200, `would do {"a":"x"}`, ""},
		{"other queries do not matter", "POST", "/?x=send", plain, 200, `would do {"a":"x"}`, ""},
		{"unknown members do not matter", "POST", "/", `{"action_type":"fake","config_json":"{}","x":1}`, 200, `would do {}`, ""},
		{"space around the object", "POST", "/", ` {"action_type":"fake","config_json":" {} "} `, 200, `would do {}`, ""},
		{"no payload", "POST", "/", `{"action_type":"fake","config_json":"{\"a\":\"{{name}}\"}"}`, 200, `would do {"a":"{{name}}"} (nothing was rendered: a payload must have name, order.id)`, ""},
		{"null payload", "POST", "/", `{"action_type":"fake","config_json":"{}","payload":null}`, 200, `would do {}`, ""},
		{"payload", "POST", "/", `{"action_type":"fake","config_json":"{\"a\":\"<{{name}}>\"}","payload":{"name":1}}`, 200, `would do {"a":"<Alex>"}`, ""},
		{"paths are missing", "POST", "/", `{"action_type":"fake","config_json":"{\"a\":\"{{name}}\"}","payload":{}}`, 200, "missing in the data: name", "render_failed"},
		{"template is invalid", "POST", "/", `{"action_type":"fake","config_json":"{\"a\":\"{{}}\"}"}`, 200, "empty tag", "template_invalid"},
		{"connector refuses", "POST", "/", `{"action_type":"fake","config_json":"{\"invalid\":1}"}`, 200, "there is no text", "no_text"},
		{"connector returns a foreign error", "POST", "/", `{"action_type":"fake","config_json":"{\"foreign\":1}"}`, 200, "the call failed", "failed"},
		{"connector uses the network", "POST", "/", `{"action_type":"fake","config_json":"{\"cheat\":1}"}`, 200, "a dry run opens no connection", "dry_run"},
		{"connector is not set up", "POST", "/", `{"action_type":"not set up","config_json":"{}"}`, 200, "the connector is not set up", "no_credential"},

		{"mode plan in the body", "POST", "/", `{"action_type":"fake","config_json":"{}","mode":"plan"}`, 200, `would do {}`, ""},
		{"in both", "POST", "/?mode=plan&mode=plan", `{"action_type":"fake","config_json":"{}","mode":"plan"}`, 200, `would do {}`, ""},

		{"unknown mode", "POST", "/?mode=try", plain, 400, "dry-run-mode-unsupported", ""},
		{"upper case", "POST", "/?mode=Plan", plain, 400, "dry-run-mode-unsupported", ""},
		{"unknown mode in the body", "POST", "/", `{"action_type":"fake","config_json":"{}","mode":"try"}`, 400, "dry-run-mode-unsupported", ""},
		{"modes differ", "POST", "/?mode=plan", `{"action_type":"fake","config_json":"{}","mode":"send"}`, 400, "dry-run-mode-unsupported", ""},
		{"modes differ, otherwise", "POST", "/?mode=send", `{"action_type":"fake","config_json":"{}","mode":"plan"}`, 400, "dry-run-mode-unsupported", ""},
		{"mode is no string", "POST", "/", `{"action_type":"fake","config_json":"{}","mode":1}`, 400, "dry-run-invalid", ""},
		{"empty mode", "POST", "/?mode=", plain, 400, "dry-run-mode-unsupported", ""},
		{"two modes", "POST", "/?mode=plan&mode=send", plain, 400, "dry-run-mode-unsupported", ""},
		{"query is malformed", "POST", "/?mode=%zz", plain, 400, "dry-run-mode-unsupported", ""},
		{"two modes in the body", "POST", "/", `{"action_type":"fake","config_json":"{}","mode":"plan","mode":"send"}`, 400, "dry-run-invalid", ""},
		{"the same mode twice", "POST", "/", `{"action_type":"fake","config_json":"{}","mode":"plan","mode":"plan"}`, 400, "dry-run-invalid", ""},
		{"two modes, one escaped", "POST", "/", `{"action_type":"fake","config_json":"{}","mode":"plan","\u006dode":"send"}`, 400, "dry-run-invalid", ""},
		{"another name is another member", "POST", "/", `{"action_type":"fake","config_json":"{}","mode":"plan","MODE":"send","Config_json":1}`, 200, `would do {}`, ""},
		{"another name alone", "POST", "/", `{"action_type":"fake","config_json":"{}","Mode":"send"}`, 200, `would do {}`, ""},
		{"two actions", "POST", "/", `{"action_type":"fake","config_json":"{}","action_type":"nope"}`, 400, "dry-run-invalid", ""},
		{"action in capitals", "POST", "/", `{"ACTION_TYPE":"fake","config_json":"{}"}`, 400, "dry-run-invalid", ""},
		{"unknown action", "POST", "/", `{"action_type":"nope","config_json":"{}"}`, 400, "action-type-unknown", ""},
		{"no action", "POST", "/", `{"config_json":"{}"}`, 400, "dry-run-invalid", ""},
		{"no config", "POST", "/", `{"action_type":"fake"}`, 400, "dry-run-invalid", ""},
		{"config is an array", "POST", "/", `{"action_type":"fake","config_json":"[]"}`, 400, "dry-run-invalid", ""},
		{"config is no JSON", "POST", "/", `{"action_type":"fake","config_json":"{"}`, 400, "dry-run-invalid", ""},
		{"config is two objects", "POST", "/", `{"action_type":"fake","config_json":"{}{}"}`, 400, "dry-run-invalid", ""},
		{"config is an object, not its text", "POST", "/", `{"action_type":"fake","config_json":{}}`, 400, "dry-run-invalid", ""},
		{"array", "POST", "/", `[]`, 400, "dry-run-invalid", ""},
		{"null", "POST", "/", `null`, 400, "dry-run-invalid", ""},
		{"no JSON", "POST", "/", token, 400, "dry-run-invalid", ""},
		{"two documents", "POST", "/", plain + plain, 400, "dry-run-invalid", ""},
		{"empty", "POST", "/", ``, 400, "dry-run-invalid", ""},
		{"deeper than a decoder goes", "POST", "/", `{"action_type":"fake","config_json":"{}","payload":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, 400, "dry-run-invalid", ""},
		{"1 MiB", "POST", "/", plain + strings.Repeat(" ", 1<<20-len(plain)), 200, `would do {"a":"x"}`, ""},
		{"over 1 MiB", "POST", "/", plain + strings.Repeat(" ", 1<<20-len(plain)+1), 413, "request-body-too-large", ""},
		{"GET", "GET", "/", "", 405, "method-not-allowed", ""},
		{"PUT", "PUT", "/", plain, 405, "method-not-allowed", ""},
		{"Resolve fails", "POST", "/", `{"action_type":"broken","config_json":"{}"}`, 503, "action-unavailable", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, connectors.ClientConfig{})
			rec := httptest.NewRecorder()
			f.registry(t).DryRunHandler().ServeHTTP(rec, httptest.NewRequest(tt.method, tt.target, strings.NewReader(tt.body)))
			assert.Equal(t, tt.status, rec.Code)
			assert.NotContains(t, rec.Body.String(), token)
			assert.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
			assert.Zero(t, f.executed.Load())
			if tt.status != http.StatusOK {
				var p struct{ Type string }
				require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &p))
				assert.Equal(t, httpx.ProblemBase+tt.want, p.Type)
				assert.Equal(t, "application/problem+json", rec.Header().Get("Content-Type"))
				assert.Empty(t, rec.Header().Get("X-Dry-Run"))
				assert.Equal(t, tt.status == 405, rec.Header().Get("Allow") == "POST")
				return
			}
			var r connectors.Result
			require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &r))
			assert.Equal(t, "application/json", rec.Header().Get("Content-Type"))
			assert.Equal(t, "true", rec.Header().Get("X-Dry-Run"))
			assert.True(t, r.DryRun)
			assert.Equal(t, tt.want, r.Message)
			assert.Equal(t, tt.code, r.Code)
			assert.Equal(t, tt.code == "", r.Success)
			assert.Equal(t, r.Success, r.Plan != nil)
		})
	}
}

func TestDryRunAnswerByteForByte(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := httptest.NewRecorder()
		body := `{"action_type":"fake","config_json":"{\"a\":\"<{{name}}>\"}","payload":{"name":"x"}}`
		newFake(t, connectors.ClientConfig{}).registry(t).DryRunHandler().ServeHTTP(rec, httptest.NewRequest("POST", "/", strings.NewReader(body)))
		want := `{"success":true,"message":"would do {\"a\":\"<Alex>\"}","duration":"0s","timestamp":"2000-01-01T00:00:00Z","dry_run":true,` +
			`"plan":{"method":"POST","url":"https://h.test/...","body":"{\"a\":\"<Alex>\"}","summary":"would do {\"a\":\"<Alex>\"}"}}` + "\n"
		assert.Equal(t, want, rec.Body.String())
	})
}

func TestDryRunOfABodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader("{"), broken{}))
	newFake(t, connectors.ClientConfig{}).registry(t).DryRunHandler().ServeHTTP(rec, r)
	assert.Equal(t, 400, rec.Code)
	assert.Contains(t, rec.Body.String(), "#request-body-unreadable")
}

func TestResult(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(connectors.Result{Success: true, Message: "m", Duration: connectors.Duration(150*time.Millisecond + 1), Timestamp: time.Unix(0, 0).UTC()})
	require.NoError(t, err)
	assert.Equal(t, `{"success":true,"message":"m","duration":"150ms","timestamp":"1970-01-01T00:00:00Z"}`, string(b)) //nolint:testifylint // the order is the contract's
	var r connectors.Result
	require.NoError(t, json.Unmarshal(b, &r))
	assert.Equal(t, connectors.Duration(150*time.Millisecond), r.Duration)
	require.ErrorContains(t, json.Unmarshal([]byte(`{"duration":"soon"}`), &r), "connectors: ")

	start := time.Now()
	for name, tt := range map[string]struct {
		err           error
		message, code string
	}{
		"success":       {nil, "done", ""},
		"code":          {&connectors.Error{Kind: connectors.KindGone, Code: "c", Message: "m"}, "m", "c"},
		"kind for code": {&connectors.Error{Kind: connectors.KindGone, Message: "m"}, "m", "gone"},
		"empty":         {&connectors.Error{Kind: connectors.KindGone}, "the call failed", "gone"},
		"wrapped":       {errors.Join(io.EOF, &connectors.Error{Kind: connectors.KindGone, Message: "m"}), "m", "gone"},
		"foreign":       {errors.New(token), "the call failed", "failed"},
	} {
		r := connectors.NewResult(start, "done", tt.err)
		assert.Equal(t, tt.err == nil, r.Success, name)
		assert.Equal(t, tt.message, r.Message, name)
		assert.Equal(t, tt.code, r.Code, name)
		assert.Equal(t, time.UTC, r.Timestamp.Location(), name)
		assert.Zero(t, r.Timestamp.Nanosecond(), name)
	}
}

func FuzzDryRun(f *testing.F) {
	f.Add("", []byte(`{"action_type":"fake","config_json":"{}","payload":null}`))
	f.Add("mode=plan", []byte(`{"action_type":"fake","config_json":" {\"a\":\"{{name}}\"} ","payload":{"name":1}}`))
	f.Add("mode=send", []byte(`{"action_type":"fake","config_json":"{"}`))
	f.Add("mode=probe", []byte(`{"action_type":"fake","config_json":"{}","mode":"probe"}`))
	f.Add("", []byte(`{"action_type":"fake","config_json":"{}","mode":"send"}`))
	f.Add("mode=%", []byte(`{"action_type":"broken","config_json":"{\"cheat\":1}"}`))
	f.Fuzz(func(t *testing.T, query string, body []byte) {
		fk := newFake(t, connectors.ClientConfig{Wrap: instead(func(*http.Request) (*http.Response, error) {
			t.Error("the dry run reached the transport")
			return nil, io.EOF
		})})
		rec := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.URL.RawQuery = query
		fk.registry(t).DryRunHandler().ServeHTTP(rec, r)
		assert.Contains(t, []int{200, 400, 503}, rec.Code)
		assert.True(t, json.Valid(rec.Body.Bytes()), "%s", rec.Body)
		sent := rec.Code == 200 && rec.Header().Get("X-Dry-Run") == ""
		assert.Equal(t, rec.Code == 200 && !sent, bytes.Contains(rec.Body.Bytes(), []byte(`"dry_run":true`)))
		named := strings.ContainsAny(query, "=%") || bytes.Contains(bytes.ToLower(body), []byte(`"mode"`)) || bytes.Contains(body, []byte(`\u`))
		assert.True(t, !sent && fk.executed.Load() == 0 || named, "sent, and was not asked to")
	})
}

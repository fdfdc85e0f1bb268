package logging_test

import (
	"encoding/base64"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/logging"
)

// shape is a secret of a provider; text is put together at run time, so that
// nobody's scanner takes it for a real one.
type shape struct{ before, secret string }

func letters(n int) string { return strings.Repeat("aB3dE5gH7j", n/10+1)[:n] }

func capitals(n int) string { return strings.Repeat("AB3DE5GH7J", n/10+1)[:n] }

func shapes() map[string]shape {
	encode := base64.RawURLEncoding.EncodeToString
	all := map[string]shape{
		"Slack webhook":          {"https://hooks.slack.com/services/", "T0123/B0123/" + letters(24)},
		"Slack workflow":         {"https://hooks.slack.com/workflows/", "T0123/A0123/1/" + letters(24)},
		"Discord webhook":        {"https://discord.com/api/webhooks/123456789012345678/", letters(68)},
		"Discord bot":            {"", "MTk4" + letters(20) + ".Cl2FMQ." + letters(27)},
		"Discord bot, long":      {"", "MTk4" + letters(24) + ".Cl2FMQx." + letters(38)},
		"Telegram bot":           {"https://api.telegram.org/bot123456789:", letters(35)},
		"Slack app":              {"xapp-", "1-A0-1-" + letters(20)},
		"Slack configuration":    {"xoxe.xoxp-", "1-" + letters(40)},
		"Stripe webhook":         {"whsec_", letters(32) + "+/="},
		"GitHub fine-grained":    {"github_pat_", letters(22) + "_" + letters(59)},
		"GitLab":                 {"glpat-", letters(20)},
		"npm":                    {"npm_", letters(36)},
		"Shopify":                {"shpat_", letters(32)},
		"Google API key":         {"AIza", letters(35)},
		"Google OAuth":           {"ya29.", letters(40)},
		"Google client":          {"GOCSPX-", letters(28)},
		"SendGrid":               {"SG.", letters(22) + "." + letters(43)},
		"Vault":                  {"hvs.", letters(24)},
		"OpenAI":                 {"sk-", "proj-" + letters(40)},
		"Anthropic":              {"sk-", "ant-api03-" + letters(40)},
		"AWS key":                {"AKIA", capitals(16)},
		"AWS temporary key":      {"ASIA", capitals(16)},
		"JWT":                    {"eyJ", encode([]byte(`lg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(`{"sub":"1"}`)) + "." + letters(43)},
		"JWE":                    {"eyJ", letters(30) + "." + letters(20) + "." + letters(16) + "." + letters(20) + "." + letters(22)},
		"Bearer":                 {"Bearer ", letters(12)},
		"BEARER":                 {"BEARER ", "deadbeefdeadbeefdeadbeef"},
		"Bearer, base64":         {"bearer ", "abc/def+gh1=="},
		"Basic":                  {"Basic ", base64.StdEncoding.EncodeToString([]byte("alice:open sesame"))},
		"Basic, short":           {"basic ", base64.StdEncoding.EncodeToString([]byte("a:b"))},
		"Basic, long":            {"Basic ", base64.StdEncoding.EncodeToString([]byte(letters(60) + ":b"))},
		"URL with password":      {"https://alice:", "open.sesame"},
		"URL with token":         {"https://", letters(20)},
		"query parameter":        {"https://example.com/?api_key=", letters(20)},
		"query parameter, AWS":   {"https://b.s3.amazonaws.com/k?X-Amz-Signature=", letters(64)},
		"data source":            {"host=db user=app password=", "open.sesame"},
		"PEM":                    {"-----BEGIN PRIVATE KEY-----", "\nMIIE" + letters(60) + "\n"},
		"PEM, RSA":               {"-----BEGIN RSA PRIVATE KEY-----", "\nMIIE" + letters(60) + "\n"},
		"PEM, PGP":               {"-----BEGIN PGP PRIVATE KEY BLOCK-----", "\nlQOY" + letters(60) + "\n"},
		"PEM, escaped":           {"-----BEGIN EC PRIVATE KEY-----", `\nMHcC` + letters(60) + `\n`},
		"PEM, cut":               {"-----BEGIN OPENSSH PRIVATE KEY-----", "\nb3Bl" + letters(60)},
		"an Authorization value": {"Authorization: Bearer ", "s3"},
	}
	for _, kind := range []string{"b", "p", "a", "o", "r", "s", "e", "c", "d"} {
		all["Slack xox"+kind] = shape{"xox" + kind + "-", "12345-67890-" + letters(24)}
	}
	for _, kind := range []string{"p", "o", "u", "s", "r"} {
		all["GitHub gh"+kind] = shape{"gh" + kind + "_", letters(36)}
	}
	for _, kind := range []string{"sk_live_", "sk_test_", "rk_live_", "rk_test_"} {
		all["Stripe "+kind] = shape{kind, letters(24)}
	}
	return all
}

// after is what follows a secret of the given kind, where it cannot be anything.
func after(kind string) []string {
	switch {
	case strings.HasPrefix(kind, "PEM, cut"):
		return []string{""}
	case strings.HasPrefix(kind, "PEM"):
		return []string{"-----END PRIVATE KEY-----", "-----END X-----\nafter"}
	case strings.HasPrefix(kind, "URL"):
		return []string{"@example.com/", "@example.com:8080/x?y=z end"}
	}
	return []string{"", " end", `" end`, ", end", ". Then", ") end", "\nnext", "\r\nHost: x"}
}

func TestProviderTokens(t *testing.T) {
	t.Parallel()
	for kind, s := range shapes() {
		for _, before := range []string{"", "got ", "x=", `{"a":"`, "(", "\n"} {
			for _, after := range after(kind) {
				got := text(t, before+s.before+s.secret+after)
				want := before + s.before + "***" + after
				if kind == "an Authorization value" {
					want = before + "Authorization: ***" + after
				}
				assert.Equal(t, want, got, kind)
			}
		}
	}
}

// text logs s and reads it back.
func text(t *testing.T, s string) string {
	t.Helper()
	v, ok := value(t, record(t.Context(), t, nil, slog.String("v", s))).(string)
	assert.True(t, ok)
	return v
}

func TestWhatLooksLikeATokenIsShown(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"xoxb-", "xoxb-short", "xoxz-12345-67890-abcdefgh", "my_xox-b", "ghp_short", "sk_live_", "sk_live_short", "task_live_0123456789", "risk-0123456789ABCDEFabcdef",
		"sk-learn-some-long-name-without-any", "task-sk-0123456789ABCDEFabcdef", "AKIA", "AKIAshort", "XAKIAAB3DE5GH7JAB3DE5", "AIzaShort", "SG.short", "eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi",
		"heyJude.is.a.song.that.everyone.knows", "Bearer token required", "bearer authentication failed", "Bearer", "Bearer ", "the bearer of news", `Bearer realm="x2", error="invalid_token"`,
		"Basic auth required", "Basic authentication", "basic training", "Basic ", "academic YTpi", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", "-----BEGIN ", "-----BEGIN PRIVATE KEY",
		"-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----", "0af7651916cd43dd8448eb211c80319c", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "2026-01-08T15:30:00.123Z", "12:30:00", "192.0.2.1:443", "[::1]:80",
		"1.2.3.4.5.6.7.8", "v1.22.333-rc.4", "example.service.default.svc.cluster.local", "/api/v1/users/42/sessions/7", "https://example.com:8080/a/b?c=d&e=f#g", "a=b", "author=me token_count=3 passport_office=x",
		"workflow wf_123 of tenant_free", "SHA256:" + letters(20), "123456789:short", "http_status", "user@example.com", "a://b", "//", "://", "monkey: banana1", "x_y_z", "_", "-", ".", "J", "eyJ", "K", "AK", "Az", "N ", " ",
	} {
		assert.Equal(t, s, text(t, s))
	}
}

func TestUnmasked(t *testing.T) {
	t.Parallel()
	secrets := logging.NewSecrets()
	require.NoError(t, secrets.Register("open sesame"))
	cfg := logging.Config{Unmasked: true, Secrets: secrets}
	got := recordWith(t.Context(), t, cfg, nil, "token=a1b2c3", slog.String("password", "open sesame"), slog.Any("v", map[string]any{"token": "x"}), slog.Any("s", byLogValue("x")))
	assert.JSONEq(t, `{"level":"info","message":"token=a1b2c3","password":"open sesame","v":{"token":"x"},"s":"[hidden]"}`, got)
}

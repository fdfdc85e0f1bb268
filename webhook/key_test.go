package webhook_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/webhook"
)

func TestNewRefusesSecrets(t *testing.T) {
	t.Parallel()
	b64 := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	const cut = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6K=="
	for _, tt := range []struct {
		scheme  webhook.Scheme
		name    string
		secrets []string
		want    string
	}{
		{webhook.GitHub, "none", nil, "0 secrets, want 1 to 16"},
		{webhook.GitHub, "too many", make([]string, 17), "17 secrets"},
		{webhook.GitHub, "empty", []string{""}, "github secret 0 is empty"},
		{webhook.GitHub, "one of two empty", []string{textSecret, ""}, "github secret 1 is empty"},
		{webhook.GitHub, "short", []string{strings.Repeat("x", 23)}, "has 23 bytes, want at least 24"},
		{webhook.GitHub, "line break of a file", []string{textSecret + "\n"}, "has white space around it"},
		{webhook.Slack, "space before", []string{" " + textSecret}, "has white space around it"},
		{webhook.Slack, "only space", []string{strings.Repeat(" ", 32)}, "has white space around it"},
		{webhook.Stripe, "short", []string{"whsec_test"}, "want at least 24"},
		{webhook.Shopify, "short", []string{"hush"}, "want at least 24"},
		{webhook.Twilio, "short", []string{"12345"}, "want at least 24"},
		{webhook.StandardWebhooks, "no prefix", []string{b64(32)}, "does not begin with whsec_ or whpk_"},
		{webhook.StandardWebhooks, "prefix in upper case", []string{"WHSEC_" + b64(32)}, "does not begin with"},
		{webhook.StandardWebhooks, "prefix alone", []string{"whsec_"}, "is empty"},
		{webhook.StandardWebhooks, "23 bytes", []string{"whsec_" + b64(23)}, "has 23 bytes, want at least 24"},
		{webhook.StandardWebhooks, "65 bytes", []string{"whsec_" + b64(65)}, "has 65 bytes, want at most 64"},
		{webhook.StandardWebhooks, "no base64", []string{"whsec_" + strings.Repeat("!", 40)}, "not in base64"},
		{webhook.StandardWebhooks, "no padding", []string{"whsec_" + strings.TrimRight(b64(25), "=")}, "not in base64"},
		{webhook.StandardWebhooks, "stray bits", []string{"whsec_" + strings.TrimSuffix(b64(25), "A==") + "B=="}, "not in base64"},
		{webhook.StandardWebhooks, "line break within", []string{"whsec_" + b64(30)[:20] + "\n" + b64(30)[20:]}, "not in base64"},
		{webhook.StandardWebhooks, "alphabet of URLs", []string{"whsec_" + strings.Repeat("-_", 16)}, "not in base64"},
		{webhook.StandardWebhooks, "private key", []string{whsk(keyPair(1))}, "a verifier has the public key"},
		{webhook.StandardWebhooks, "short public key", []string{"whpk_" + b64(31)}, "has 31 bytes, want the 32"},
		{webhook.StandardWebhooks, "seed and public key as public key", []string{"whpk_" + b64(64)}, "has 64 bytes, want the 32"},
		{webhook.Svix, "no prefix", []string{textSecret}, "does not begin with"},
		{webhook.Discord, "no digits", []string{strings.Repeat("g", 64)}, "not in hexadecimal digits"},
		{webhook.Discord, "short", []string{strings.Repeat("ab", 31)}, "has 31 bytes"},
		{webhook.Discord, "base64", []string{b64(32)}, "not in hexadecimal digits"},
		{webhook.Custom{SignatureHeader: "S", KeyEncoding: webhook.KeyHex}, "odd digits", []string{strings.Repeat("a", 49)}, "not in hexadecimal digits"},
		{webhook.Custom{SignatureHeader: "S", KeyPrefix: "k_"}, "other prefix", []string{textSecret}, "does not begin with k_"},
		{webhook.StandardWebhooks, "private key that was cut", []string{cut}, "a verifier has the public key"},
	} {
		t.Run(tt.scheme.String()+", "+tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := webhook.New(tt.scheme, tt.secrets, webhook.Config{})
			require.ErrorContains(t, err, tt.want)
			assert.True(t, strings.HasPrefix(err.Error(), "webhook: "))
			for _, secret := range tt.secrets {
				if len(secret) > 8 && strings.TrimSpace(secret) != "" {
					assert.NotContains(t, err.Error(), secret[7:], "an error repeats no secret")
				}
			}
		})
	}
	_, err := webhook.NewSigner(webhook.StandardWebhooks, []string{cut})
	require.ErrorContains(t, err, "not in base64")
}

func TestWeakKeysOnRequest(t *testing.T) {
	t.Parallel()
	weak := webhook.Config{AllowWeakKeys: true}
	for scheme, secret := range map[webhook.Scheme]string{
		webhook.GitHub: "mysecret", webhook.Twilio: "12345", webhook.StandardWebhooks: "whsec_AAAA", webhook.Slack: "x",
		webhook.Svix: "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65)),
	} {
		_, err := webhook.New(scheme, []string{secret}, weak)
		require.NoError(t, err, scheme)
	}
	for scheme, secret := range map[webhook.Scheme]string{webhook.GitHub: "", webhook.StandardWebhooks: "whsec_", webhook.Discord: "ab"} {
		_, err := webhook.New(scheme, []string{secret}, weak)
		assert.Error(t, err, scheme)
	}
}

func TestNewReportsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	_, err := webhook.New(webhook.GitHub, []string{"", "short"}, webhook.Config{URL: "receiver.example"})
	require.Error(t, err)
	assert.Len(t, strings.Split(err.Error(), "\n"), 3)

	for _, url := range []string{"receiver.example", "ftp://receiver.example", "https://", "https://receiver.example/?a", "https://receiver.example/?", "https://receiver.example/#a", "://"} {
		_, err := webhook.New(webhook.Twilio, []string{textSecret}, webhook.Config{URL: url})
		require.ErrorContains(t, err, "Config.URL", url)
	}
	for _, scheme := range []webhook.Scheme{nil, webhook.Preset(0), webhook.Preset(99)} {
		_, err := webhook.New(scheme, []string{textSecret}, webhook.Config{})
		require.ErrorContains(t, err, "scheme", scheme)
	}
	assert.Equal(t, "unknown", webhook.Preset(0).String())
}

// Under these keys the signature of a point of small order is one of every second,
// fourth or eighth message, whoever wrote it.
func TestPublicKeysUnderWhichAnybodyCanSign(t *testing.T) {
	t.Parallel()
	for _, y := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		for _, sign := range []byte{0, 0x80} {
			public, err := hex.DecodeString(y)
			require.NoError(t, err)
			public[31] |= sign
			text := hex.EncodeToString(public)
			_, err = webhook.New(webhook.Discord, []string{text}, webhook.Config{AllowWeakKeys: true})
			require.ErrorContains(t, err, "anybody can sign", text)
			_, err = webhook.New(webhook.StandardWebhooks, []string{"whpk_" + base64.StdEncoding.EncodeToString(public)}, webhook.Config{})
			require.ErrorContains(t, err, "anybody can sign", text)
		}
	}

	// The reason: the neutral point as R, and S = 0.
	public, err := hex.DecodeString("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
	require.NoError(t, err)
	forged := make([]byte, ed25519.SignatureSize)
	forged[0] = 1
	fits := 0
	for i := range 64 {
		if ed25519.Verify(public, []byte(strconv.Itoa(i)), forged) {
			fits++
		}
	}
	assert.Greater(t, fits, 8)
}

func TestNewSignerRefuses(t *testing.T) {
	t.Parallel()
	mixed := append([]byte(nil), keyPair(1)...)
	copy(mixed[32:], keyPair(2)[32:])
	discord := hex.EncodeToString(keyPair(1))
	for _, tt := range []struct {
		scheme  webhook.Scheme
		secrets []string
		want    string
	}{
		{webhook.StandardWebhooks, nil, "0 secrets"},
		{webhook.StandardWebhooks, []string{whpk(keyPair(1))}, "a signer the private one"},
		{webhook.StandardWebhooks, []string{"whsk_" + base64.StdEncoding.EncodeToString(mixed)}, "a seed with the public key of another one"},
		{webhook.StandardWebhooks, []string{"whsk_" + base64.StdEncoding.EncodeToString(mixed[:32])}, "has 32 bytes, want the 64"},
		{webhook.StandardWebhooks, []string{"whsec_AAAA"}, "want at least 24"},
		{webhook.StandardWebhooks, []string{textSecret}, "does not begin with whsec_ or whsk_"},
		{webhook.Discord, []string{discord[64:]}, "has 32 bytes, want the 64"},
		{webhook.Discord, []string{discord, discord}, "room for one signature"},
		{webhook.GitHub, []string{textSecret, textSecret}, "room for one signature"},
		{webhook.Slack, []string{"short"}, "want at least 24"},
		{nil, []string{textSecret}, "scheme is nil"},
	} {
		_, err := webhook.NewSigner(tt.scheme, tt.secrets)
		assert.ErrorContains(t, err, tt.want)
	}
}

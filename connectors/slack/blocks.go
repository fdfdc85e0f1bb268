package slack

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/bracework/bracework/connectors/internal/provider"
)

// The limits of Block Kit that are checked, in characters where nothing else is
// said (docs.slack.dev, "Blocks").
const (
	maxBlocks       = 50 // blocks
	maxHeader       = 150
	maxSection      = 3_000
	maxFields       = 10 // fields of a section
	maxField        = 2_000
	maxBlocksLength = 13_200 // of all; observed, not documented
)

// checkBlocks says why Slack can only refuse blocks. In an action that is not
// rendered, a string may stand for all of them, or for one, and the length of
// other strings says nothing.
func checkBlocks(raw json.RawMessage, unrendered bool) error {
	if unrendered && isString(raw) {
		return nil
	}
	var blocks []json.RawMessage
	if json.Unmarshal(raw, &blocks) != nil || len(blocks) == 0 {
		return provider.Invalid("invalid_blocks", "blocks is not a JSON array of blocks")
	}
	if len(blocks) > maxBlocks {
		return provider.Invalid("invalid_blocks", "there are more than 50 blocks")
	}
	for _, b := range blocks {
		if unrendered && isString(b) {
			continue
		}
		if err := checkBlock(b, unrendered); err != nil {
			return err
		}
	}
	return nil
}

func checkBlock(raw json.RawMessage, unrendered bool) error {
	var b struct {
		Type   string          `json:"type"`
		Text   json.RawMessage `json:"text"`
		Fields json.RawMessage `json:"fields"`
	}
	if json.Unmarshal(raw, &b) != nil || b.Type == "" {
		return provider.Invalid("invalid_blocks", "a block is not an object with a type")
	}
	if unrendered {
		return nil
	}
	switch b.Type {
	case "header":
		if length(b.Text) > maxHeader {
			return provider.Invalid("invalid_blocks", "a header has more than 150 characters")
		}
	case "section":
		if length(b.Text) > maxSection {
			return provider.Invalid("invalid_blocks", "a section has more than 3,000 characters")
		}
		return checkFields(b.Fields)
	}
	return nil
}

func checkFields(raw json.RawMessage) error {
	var fields []json.RawMessage
	_ = json.Unmarshal(raw, &fields) // what is no array has none: Slack judges it
	if len(fields) > maxFields {
		return provider.Invalid("invalid_blocks", "a section has more than 10 fields")
	}
	for _, f := range fields {
		if length(f) > maxField {
			return provider.Invalid("invalid_blocks", "a field has more than 2,000 characters")
		}
	}
	return nil
}

// length counts the characters of a text object. What is none has no length: Slack
// judges it.
func length(raw json.RawMessage) int {
	var object struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &object) != nil {
		return 0
	}
	return utf8.RuneCountInString(object.Text)
}

func isString(raw json.RawMessage) bool { return bytes.HasPrefix(bytes.TrimSpace(raw), []byte(`"`)) }

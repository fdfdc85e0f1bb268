package slack

// Channels returns how many channels a bot keeps in mind.
func (b *Bot) Channels() int {
	b.channels.mu.Lock()
	defer b.channels.mu.Unlock()
	return len(b.channels.byKey)
}

// MaxChannels is how many it keeps at most without a call.
const MaxChannels = maxChannels

package discord

import (
	"slices"

	"github.com/bracework/bracework/connectors/internal/provider"
)

// Mentions says whom a message may notify, of those that its content mentions. The
// zero Mentions is nobody. To name users or roles does not mention them: the
// content must.
type Mentions struct {
	Everyone bool // @everyone and @here
	AllUsers bool // every user
	AllRoles bool // every role that may be mentioned
	// Users and Roles are ids, at most [MaxMentions] of each. Discord takes
	// either some users or all, and so for roles.
	Users, Roles []string
}

// allowedMention is the allowed_mentions of a message. An absent list and an empty
// one differ: without parse, Discord notifies whom it likes.
type allowedMention struct {
	Parse []string `json:"parse"`
	Users []string `json:"users,omitempty"`
	Roles []string `json:"roles,omitempty"`
}

func (a Mentions) form() allowedMention {
	form := allowedMention{Parse: []string{}, Users: a.Users, Roles: a.Roles}
	if a.Everyone {
		form.Parse = append(form.Parse, "everyone")
	}
	if a.AllUsers {
		form.Parse = append(form.Parse, "users")
	}
	if a.AllRoles {
		form.Parse = append(form.Parse, "roles")
	}
	return form
}

// mentions is the inverse of form; ok is false for what Discord does not know.
func (f allowedMention) mentions() (a Mentions, ok bool) {
	a = Mentions{Users: f.Users, Roles: f.Roles}
	for _, kind := range f.Parse {
		switch kind {
		case "everyone":
			a.Everyone = true
		case "users":
			a.AllUsers = true
		case "roles":
			a.AllRoles = true
		default:
			return Mentions{}, false
		}
	}
	return a, true
}

func (a Mentions) nobody() bool {
	return !a.Everyone && !a.AllUsers && !a.AllRoles && len(a.Users) == 0 && len(a.Roles) == 0
}

func (a Mentions) check() error {
	bad := func(id string) bool { return !isSnowflake(id) }
	switch {
	case a.AllUsers && len(a.Users) > 0, a.AllRoles && len(a.Roles) > 0:
		return provider.Invalid("invalid_mentions", "the allowed mentions have both all and some users, or roles")
	case len(a.Users) > MaxMentions, len(a.Roles) > MaxMentions:
		return provider.Invalid("invalid_mentions", "the allowed mentions have more than 100 users, or roles")
	case slices.ContainsFunc(a.Users, bad), slices.ContainsFunc(a.Roles, bad):
		return provider.Invalid("invalid_mentions", "the allowed mentions have an id that is not a number")
	}
	return nil
}

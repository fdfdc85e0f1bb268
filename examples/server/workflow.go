package main

import (
	"fmt"

	"github.com/bracework/bracework/ratelimit"
	"github.com/bracework/bracework/template"
)

// workflow turns an incoming webhook into one action. Its tenant decides the
// rate limit and the scope of idempotency keys.
type workflow struct {
	ID         string
	TenantID   string
	UserID     string
	ActionType string
	Config     string // JSON; each string in it is a template over the payload

	tierName string
	config   *template.Document
}

func (w *workflow) tier() ratelimit.Tier {
	if w.tierName == "paid" {
		return ratelimit.Paid
	}
	return ratelimit.Free
}

// compile parses the configuration once, before the first request.
func compile(all []workflow) (map[string]*workflow, error) {
	byID := make(map[string]*workflow, len(all))
	for _, w := range all {
		doc, err := template.CompileJSON([]byte(w.Config), template.WithName(w.ID))
		if err != nil {
			return nil, fmt.Errorf("workflow %s: %w", w.ID, err)
		}
		w.config = doc
		byID[w.ID] = &w
	}
	return byID, nil
}

type tenant struct{ id, tier string }

func seedTenants() []tenant {
	return []tenant{{"tenant_free", "free"}, {"tenant_paid", "paid"}}
}

func seedWorkflows() []workflow {
	slack := func(id, tenantID, userID, text string) workflow {
		return workflow{ID: id, TenantID: tenantID, UserID: userID, ActionType: "slack_message", Config: `{"slack_message":"` + text + `"}`}
	}
	return []workflow{
		slack("wf_123", "tenant_free", "user_1", "Event received: {{event}}"),
		slack("wf_456", "tenant_paid", "user_2", "Event received: {{event}}"),
		slack("wf_order", "tenant_paid", "user_2", "Hello {{user.name}}, your order {{order.id}} shipped!"),
		slack("wf_github_push", "tenant_paid", "user_3",
			`{{pusher.name}} pushed {{commits.#}} commits to {{repository.full_name}} ({{ref}}), first \"{{commits.0.message}}\" by {{commits.0.author.name}} touching {{commits.0.modified.0}}`),
		slack("wf_stripe_checkout", "tenant_paid", "user_3",
			`{{data.object.customer_details.name}} paid {{data.object.amount_total}} {{data.object.currency}} ({{data.object.payment_status}}), reference {{data.object.metadata.order_id ?? data.object.id}}`),
		slack("wf_shopify_order", "tenant_paid", "user_3",
			`Order {{name}} by {{customer.first_name}}: {{line_items.#}} items, first {{line_items.0.quantity}} x {{line_items.0.title}}, total {{total_price}} {{currency}} to {{shipping_address.city}}`),
	}
}

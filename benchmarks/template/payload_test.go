package template_test

import (
	"fmt"
	"strings"
)

const small = `{"user":{"name":"Ann Example","id":4711},"order":{"total":129,"currency":"EUR"}}`

// wide is an object of 50 members with about size bytes in all, each with a
// user deep inside.
func wide(size int) string {
	var b strings.Builder
	for i := range members {
		fmt.Fprintf(&b, `,"k%d":{"id":%d,"title":"Crash when the \"config\" file is empty","state":"open","score":%d.25,"locked":false,"assignee":null,%s,"comments":[`,
			i, 190000000+i*7919, i, account(fmt.Sprintf("octocat%d", i), i))
		for end := (i + 1) * size / members; b.Len() < end; {
			fmt.Fprintf(&b, `{"id":%d,"body":"Same here.\nIt began with 1.4.","created_at":"2011-04-14T16:00:49Z",%s,"votes":[1,2,30,-4]},`, b.Len(), account("hubot", i))
		}
		b.WriteString(`{}]}`)
	}
	return "{" + b.String()[1:] + "}"
}

const members = 50

func account(login string, id int) string {
	return fmt.Sprintf(`"user":{"login":%q,"id":%d,"avatar_url":"https://avatars.example.com/u/%d?v=4","gravatar_id":"","url":"https://api.example.com/users/%s","type":"User","site_admin":false}`, login, id, id, login)
}

// push is like a push event of GitHub: 20 commits with many files, and what the
// event is about before and behind them. It has about size bytes.
func push(size int) string {
	var b strings.Builder
	b.WriteString(`{"ref":"refs/heads/main","before":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","after":"c2b6d4fd5a3c0d83b56cf1e3c3a0e7d5d0a7e3b1","created":false,"base_ref":null,"commits":[`)
	const commits = 20
	for i := range commits {
		fmt.Fprintf(&b, `{"id":"%040x","distinct":true,"message":"Read the file once\n\nSigned-off-by: Mona <mona@example.com>","timestamp":"2019-05-15T15:20:%02d+02:00","url":"https://github.example.com/octo/hello/commit/%040x","author":{"name":"Mona Lisa","email":"mona%d@example.com","username":"mona"},"added":[`, i*7919, i, i, i)
		for j, end := 0, (i+1)*size/commits; b.Len() < end; j++ {
			fmt.Fprintf(&b, `"src/module%d/internal/file%d.go",`, i, j)
		}
		b.WriteString(`"go.mod"],"removed":[],"modified":["README.md"]},`)
	}
	text := strings.TrimSuffix(b.String(), ",")
	return text + `],"repository":{"id":186853002,"full_name":"octo/hello","private":false,"owner":{"name":"octo","id":21031067},"open_issues":2},"pusher":{"name":"octo","email":"octo@example.com"},"sender":{"login":"octo","id":21031067}}`
}

// list has n items in an array.
func list(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"id":%d,"name":"item %d","price":%d.95,"tags":["new","blue"],"stock":{"here":%d,"there":0}}`, i, i, i%100, i%7)
	}
	return `{"items":[` + b.String()[1:] + `],"page":1}`
}

// order has 2 KB, and in it what a notification says of an order.
func order() string {
	var b strings.Builder
	b.WriteString(`{"channel":"C024BE91L","order":{"id":"A-4711","total":129.5,"currency":"EUR","express":true,"note":"Ring \"twice\",\nthen wait.","labels":["fragile","gift"],"lines":[`)
	for i := range 16 {
		fmt.Fprintf(&b, `{"sku":"SKU-%04d","title":"Cup of porcelain, white","quantity":%d,"price":8.25},`, i*37, i+1)
	}
	b.WriteString(`{"sku":"last"}]},"customer":{"name":"Ann Example","email":"ann@example.com","city":"Zürich"},"links":{"order":"https://shop.example.com/orders/4711","invoice":"https://shop.example.com/invoices/4711"},"at":"2026-01-31T12:00:00Z"}`)
	return b.String()
}

// escapes has a text of about size bytes; a tenth of its characters are special
// in JSON, HTML or Slack.
func escapes(size int) string {
	const words = `if a &lt b then\nsay \"hello, dear world\" <or> do not say it; go on to the next one, and then on & on, till all is read. `
	return `{"body":{"text":"` + strings.Repeat(words, size/len(words)) + `"}}`
}

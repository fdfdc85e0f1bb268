package template_test

import (
	"errors"
	"fmt"

	"github.com/bracework/bracework/template"
)

func Example() {
	tmpl, err := template.Compile("Hello {{user.name}}, {{order.items.#}} items, first {{order.items.0.name}}. {{note ?? ''}}")
	if err != nil {
		panic(err)
	}
	text, err := tmpl.Render([]byte(`{"user":{"name":"Alex"},"order":{"items":[{"name":"Tea"},{"name":"Cup"}]},"note":"Bye"}`))
	if err != nil {
		panic(err)
	}
	fmt.Println(text)
	// Output: Hello Alex, 2 items, first Tea. Bye
}

// A JSON body is made from a document, so that no value can break out of it.
func ExampleCompileJSON() {
	doc, err := template.CompileJSON([]byte(`{"text":"Hello {{user.name}}","total":"{{order.total}}"}`))
	if err != nil {
		panic(err)
	}
	body, err := doc.Append(nil, []byte(`{"user":{"name":"\"A\""},"order":{"total":1.10}}`))
	if err != nil {
		panic(err)
	}
	fmt.Println(string(body))
	// Output: {"text":"Hello \"A\"","total":1.10}
}

func ExampleTemplate_Validate() {
	tmpl := template.MustCompile("{{user.nmae}}, {{order.id}}")
	err := tmpl.Validate([]byte(`{"user":{"name":"Alex"}}`))
	if missing, ok := errors.AsType[*template.ValidationError](err); ok {
		for _, p := range missing.Problems {
			fmt.Printf("%d:%d %s %s\n", p.Line, p.Column, p.Path, p.Suggest)
		}
	}
	// Output:
	// 1:1 user.nmae user.name
	// 1:16 order.id
}

func ExampleEngine() {
	engine := template.NewEngine()
	fmt.Println(engine.Render("Hello {{user.name}}{{user.title}}", `{"user":{"name":"Alex"}}`))
	fmt.Println(engine.RenderJSON(`{"to":"{{user.name}}","n":"{{n}}"}`, `{"user":{"name":"\"A\""},"n":1.10}`))
	// Output:
	// Hello Alex
	// {"to":"\"A\"","n":1.10} <nil>
}

// A member whose path is absent is left out of the document.
func ExampleWithMissing() {
	doc, err := template.CompileJSON([]byte(`{"to":"{{user.name}}","email":"{{user.email}}","tags":"{{tags}}"}`),
		template.WithMissing(template.MissingOmit))
	if err != nil {
		panic(err)
	}
	for _, data := range []string{`{"user":{"name":"Alex","email":"a@example.com"}}`, `{"user":{"name":"Kim"},"tags":["new"]}`} {
		body, err := doc.Append(nil, []byte(data))
		fmt.Println(string(body), err)
	}
	// Output:
	// {"to":"Alex","email":"a@example.com"} <nil>
	// {"to":"Kim","tags":["new"]} <nil>
}

// A text for Slack, in which no value can mention a channel or make a link.
func ExampleWithEscape() {
	tmpl := template.MustCompile("*{{user.name}}* wrote: {{text | truncate(20)}} ({{tags | join(', ')}})",
		template.WithEscape(template.Slack))
	text, err := tmpl.Render([]byte(`{"user":{"name":"Alex & Kim"},"text":"<!channel> look","tags":["a","b"]}`))
	fmt.Println(text, err)
	// Output: *Alex &amp; Kim* wrote: &lt;!channel&gt; look (a, b) <nil>
}

// A filter of one template: {{price | money("EUR")}}.
func ExampleWithFilter() {
	money := template.Filter{
		Accepts: []template.Kind{template.KindNumber},
		MinArgs: 1,
		Func: func(dst []byte, in template.Value, args []template.Value) ([]byte, template.Kind, error) {
			dst = append(in.AppendText(dst), ' ')
			return args[0].AppendText(dst), template.KindString, nil
		},
	}
	tmpl := template.MustCompile(`{{price | money("EUR")}}`, template.WithFilter("money", money))
	text, err := tmpl.Render([]byte(`{"price":1.10}`))
	fmt.Println(text, err)
	// Output: 1.10 EUR <nil>
}

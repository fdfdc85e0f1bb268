package template_test

import (
	"errors"
	"fmt"

	"github.com/bracework/bracework/template"
)

func Example() {
	tmpl, err := template.Compile("Hello {{user.name}}, {{order.items.#}} items, first {{order.items.0.name}}{{user.email ?? ''}}")
	if err != nil {
		panic(err)
	}
	text, err := tmpl.Render([]byte(`{"user":{"name":"Alex"},"order":{"items":[{"name":"Tea"},{"name":"Cup"}]}}`))
	if err != nil {
		panic(err)
	}
	fmt.Println(text)
	// Output: Hello Alex, 2 items, first Tea
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
	// Output: Hello Alex
}

package main

import (
	"context"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/template"
)

// newRegistry resolves action types to connectors, and renders their
// configurations as JSON documents.
func newRegistry(byType map[string]connectors.Connector) (*connectors.Registry, error) {
	return connectors.NewRegistry(connectors.RegistryConfig{
		Resolve: func(_ context.Context, actionType string) (connectors.Connector, error) {
			c, ok := byType[actionType]
			if !ok {
				return nil, connectors.ErrUnknownAction
			}
			return c, nil
		},
		Render: func(_ context.Context, config, payload []byte) ([]byte, error) {
			doc, err := template.CompileJSON(config)
			if err != nil {
				return nil, err
			}
			return doc.Append(nil, payload)
		},
		Paths: func(config []byte) ([]string, error) {
			doc, err := template.CompileJSON(config)
			if err != nil {
				return nil, err
			}
			var paths []string
			for _, p := range doc.Paths() {
				if !p.Optional {
					paths = append(paths, p.Path)
				}
			}
			return paths, nil
		},
	})
}

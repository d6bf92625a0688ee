// Package identity tells the service who a request is from. Every
// authentication plugin uses it, so that the same headers mean the same
// whichever plugin knew the consumer, and a client can never forge one.
package identity

import "github.com/gibbon-gateway/gibbon/plugin/pdk"

// The headers that the service gets.
const (
	headerID        = "X-Consumer-ID"
	headerCustomID  = "X-Consumer-Custom-ID"
	headerUsername  = "X-Consumer-Username"
	headerAnonymous = "X-Anonymous-Consumer"
	// headerCredential says which credential it was, by a name that is no secret.
	headerCredential = "X-Credential-Identifier"
)

// Set makes consumer and credential (either may be nil) those of the request
// and sends the consumer's id, custom id and username to the service. name
// identifies the credential without giving it away (its id, a user name).
func Set(k *pdk.Kong, consumer, credential map[string]any, name string) error {
	if err := k.Client.Authenticate(consumer, credential); err != nil {
		return err
	}
	anonymous := ""
	if credential == nil {
		anonymous, name = "true", ""
	}
	for _, h := range [...]struct{ name, value string }{
		{headerID, text(consumer, "id")},
		{headerCustomID, text(consumer, "custom_id")},
		{headerUsername, text(consumer, "username")},
		{headerCredential, name},
		{headerAnonymous, anonymous},
	} {
		if err := send(k, h.name, h.value); err != nil {
			return err
		}
	}
	return nil
}

// send sets a header; "" takes it away, for the client may have sent its own.
func send(k *pdk.Kong, name, value string) error {
	if value == "" {
		return k.Service.Request.ClearHeader(name)
	}
	return k.Service.Request.SetHeader(name, value)
}

func text(record map[string]any, field string) string {
	s, _ := record[field].(string)
	return s
}

// Known says whether a plugin before authenticated the request, so that one
// with an anonymous consumer need not (several authentication plugins then
// mean "one of them").
func Known(k *pdk.Kong) bool { return k.Client.Credential() != nil }

// SetAnonymous makes the anonymous consumer, named by id or username, that of
// the request. A missing one ends it with 500: it is a mistake of the
// configuration, and letting the request through would open the service.
func SetAnonymous(k *pdk.Kong, idOrName string) error {
	consumer, err := k.Client.LoadConsumer(idOrName, true)
	if err != nil {
		return err
	}
	if consumer == nil {
		k.Log.Err("anonymous consumer ", idOrName, " is unknown: create it or change config.anonymous")
		return k.Response.Error(500, "")
	}
	return Set(k, consumer, nil, "")
}

// ConsumerOf is the consumer that a credential belongs to, nil if it is gone.
func ConsumerOf(k *pdk.Kong, credential map[string]any) map[string]any {
	ref, _ := credential["consumer"].(map[string]any)
	consumer, _ := k.Entities("consumers").Get(text(ref, "id"))
	return consumer
}

package pdk

import (
	"fmt"
	"strings"

	"github.com/gibbon-gateway/gibbon/model/phase"
)

// Where groups of functions may be called (facts/pdk.tsv).
const (
	// phasesToService change the request on its way to the service.
	phasesToService = phase.Rewrite | phase.Access
	// phasesToBalancer do so up to the moment it is sent.
	phasesToBalancer = phasesToService | phase.Balancer
	// phasesToClient make or change the response before its head is sent.
	phasesToClient = phase.Rewrite | phase.Access | phase.Balancer | phase.Response | phase.HeaderFilter |
		phase.Error | phase.AdminAPI
)

// order is the order in which the reference lists phases in its errors.
var order = [...]phase.Phase{
	phase.Rewrite, phase.Access, phase.Balancer, phase.Response, phase.HeaderFilter, phase.BodyFilter, phase.Log,
	phase.Error, phase.AdminAPI, phase.Certificate, phase.ClientHello, phase.Preread,
	phase.WSHandshake, phase.WSClientFrame, phase.WSUpstreamFrame, phase.WSClose,
}

// in refuses a call outside of its phases. ws_handshake may do what access
// may, ws_close what log may.
func (k *Kong) in(allowed phase.Phase) error {
	if k.Phase&allowed != 0 || k.Phase == 0 || k.Phase == phase.WSHandshake && allowed&phase.Access != 0 ||
		k.Phase == phase.WSClose && allowed&phase.Log != 0 {
		return nil
	}
	var names []string
	for _, p := range order {
		if allowed&p != 0 {
			names = append(names, p.String())
		}
	}
	return fmt.Errorf("function cannot be called in %s phase (only in: %s)", k.Phase, strings.Join(names, ", "))
}

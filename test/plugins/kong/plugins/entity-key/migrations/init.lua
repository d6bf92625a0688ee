return { "000_base_entity_key" }

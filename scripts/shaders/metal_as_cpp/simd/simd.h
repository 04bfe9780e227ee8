// naga includes it; its names are in metal_stdlib

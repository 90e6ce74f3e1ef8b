// Takes the place of fastify's compilers of schemas in the package: the service brings its own (api/validation.ts), and
// fastify does not ask for these.
export default function noCompiler() {
  throw new Error("the service must bring its own compilers of schemas");
}

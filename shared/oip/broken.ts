/** Tensors or a message that are not what they say; `message` names the tensor, never its values. */
export class TensorBroken extends Error {
  override readonly name = "TensorBroken";
  /** The tensor that is meant, where it is one. */
  readonly tensor: string | null;
  constructor(message: string, tensor: string | null = null, options?: ErrorOptions) {
    super(message, options);
    this.tensor = tensor;
  }
}

"""A multi-task network and its mask network: all that training and adaptation need."""

import math

import keras
import tensorflow as tf

from meta_aux.mask import MaskNetwork
from meta_aux.multi_task import MultiTask

# The paper's inner learning rate 5e-5 times its weight lambda_in of 10.
ADAPTATION_RATE = 5e-4


@keras.saving.register_keras_serializable("meta_aux")
class RealDenoiser(keras.Model):
    """Denoises real photographs, and can adapt to each of them (see `adapt`).

    Args:
        network: A `MultiTask` or `ParallelHeads`; the paper's theta 1.
        mask_network: A `MaskNetwork`; the paper's theta 2. With `None` every pixel counts alike,
            and the auxiliary loss is the plain reconstruction loss.
        name: Name of the model.

    Attributes:
        log_rates: Logarithms of the learning rates by which each of the heads' weight tensors
            adapts to the auxiliary loss; `MTL` can learn them, and `adapt` uses them for that loss.

    Call arguments:
        noisy: Tensor of shape `(batch, height, width, channels)`, about [0, 1], of any size.

    Returns:
        The clean images without adaptation, of the shape of `noisy`, not clipped.

    Example:

    >>> denoiser = RealDenoiser(MultiTask(), MaskNetwork())
    """

    def __init__(
        self,
        network: MultiTask,
        mask_network: MaskNetwork | None = None,
        name: str = "real_denoiser",
    ):
        super().__init__(name=name, dtype=network.inputs[0].dtype)
        self.network = network
        self.mask_network = mask_network
        self.log_rates = self.add_weight(
            shape=(len(network.heads.trainable_variables),),
            initializer=keras.initializers.Constant(math.log(ADAPTATION_RATE)),
            trainable=False,
            name="log_rates",
        )
        self.built = True

    def call(self, noisy):
        """Denoises a batch of images without adaptation."""
        return self.network(noisy)[0]

    def predict_mask(self, noisy):
        """Predicts the mask of shape `(batch, height, width, 1)` of noisy images."""
        if self.mask_network is None:
            return tf.ones_like(noisy[..., :1])
        return self.mask_network(noisy)

    @property
    def mask_weights(self):
        """Trainable variables of the mask network, an empty list where there is none."""
        return [] if self.mask_network is None else self.mask_network.trainable_variables

    def get_config(self):
        """Returns the constructor's arguments."""
        serialize = keras.saving.serialize_keras_object
        return {
            "network": serialize(self.network),
            "mask_network": serialize(self.mask_network),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes the model that `get_config` describes."""
        deserialize = keras.saving.deserialize_keras_object
        networks = {key: deserialize(config[key]) for key in ("network", "mask_network")}
        return cls(**networks, name=config["name"])

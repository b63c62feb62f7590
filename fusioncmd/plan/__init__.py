"""How much machine a number of people needs: measured costs (`costs`), what is asked (`asked`), one province
(`province`), the nation (`nation`), and arithmetic that shows itself (`steps`)."""

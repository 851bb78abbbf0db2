;;; pen-dataset-options.el --- What a training set and a job can be asked for -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Every option is a keyword of the Lisp functions, an option of the batch
;; entries, a line in the menu on C-c C-o, and an answer to `pen-dataset-set-option'.
;; An option that is not given is as the definition says, or as the engine does.

;;; Code:

(require 'cl-lib)
(require 'subr-x)
(require 'pen-plist)
(require 'pen-value)
(require 'pen-prompt)
(require 'pen-read)

;;;; Internal variables

(defconst pen-dataset--shared-options
  '((:model string "model to start from")
    (:n-epochs integer "how often every example is seen")
    (:batch-size integer "examples in a step")
    (:learning-rate-multiplier number "scale: factor on the base's own learning rate")
    (:prompt-loss-weight number "weight of prompts that bring none")
    (:max-tokens integer "longest example, or the window")
    (:seed integer "the only randomness"))
  "What both a plan and a job can be asked with.")

(defconst pen-dataset-options
  `((:prompt string "prompt definition")
    (:reader (auto chatgpt jokes jsonl org table text transcript whatsapp) "who reads the source")
    (:encoding string "encoding of the file, utf-8 if not given")
    (:author string "whose messages of a chat are learned")
    (:anonymise boolean "replace people, phone numbers and addresses")
    (:loss-weights numbers "weight of each text of a row, such as 0.3 0.7")
    (:valid-share number "share that is held out, such as 0.1")
    ,@pen-dataset--shared-options)
  "What a plan can be asked with: key, type, meaning.")

(defconst pen-dataset--job-options
  '((:learning-rate number "absolute learning rate, instead of a multiplier")
    (:schedule (cosine linear constant) "how the learning rate goes on")
    (:packing (examples window) "how batches are filled")
    (:overlong (error drop truncate) "what happens to longer examples")
    (:early-stopping integer "evaluations without a lower validation loss before it ends")
    (:beta number "strength of preferences")
    (:tune (auto full lora) "which weights are trained")
    (:valid file "file to validate on, instead of what is held out")
    (:eval-every integer "steps between validation losses")
    (:eval-batch-size integer "examples in a validation batch")
    (:snapshots-every integer "steps between public checkpoints")
    (:checkpoint-seconds number "shortest time between resume checkpoints")
    (:completions-every integer "steps between sample completions")
    (:num-completions integer "sample completions each time")
    (:completion-max-tokens integer "longest sample completion")
    (:completion-prompts texts "prompts of the samples; else drawn from the data")
    (:classification (auto off) "class metrics at the ends of epochs")
    (:n-classes integer "number of classes")
    (:positive-class string "the completion that counts as positive, of two")
    (:betas numbers "weights of recall in F scores")
    (:results (openai classic) "which result files are written")
    (:suffix string "part of the tuned model's name"))
  "What only a job can be asked with.")

(defconst pen-dataset-launch-options
  (append pen-dataset--shared-options pen-dataset--job-options)
  "What a job can be launched with: key, type, meaning.")

(defconst pen-dataset-all-options
  (append pen-dataset-options pen-dataset--job-options)
  "What a plan can be asked and a job launched with: key, type, meaning.")

;;;; Functions

(defun pen-dataset-arguments (options)
  "Return OPTIONS with a prompt."
  (if (plist-get options :prompt)
      options
    (append (list :prompt pen-pun-prompt) options)))

(defun pen-dataset-options-among (arguments options)
  "Return the plist of those ARGUMENTS that are OPTIONS and have a value."
  (pen-plist-given (pen-plist-only arguments (mapcar #'car options))))

(defun pen-dataset-option-name (option)
  "Return the name of OPTION, as people see it."
  (substring (symbol-name (car option)) 1))

(defun pen-dataset-option-text (value)
  "Return the VALUE of an option as people write it."
  (cond ((eq value t) "yes")
        ((stringp value) (if (string-match-p "[ \n\"]" value) (prin1-to-string value) value))
        ((listp value) (mapconcat #'pen-dataset-option-text value " "))
        (t (format "%s" value))))

(defun pen-dataset-options-text (arguments options)
  "Return what ARGUMENTS say of OPTIONS in one line, nil if nothing."
  (when-let ((given (pen-dataset-options-among arguments options)))
    (cl-loop for (key value) on given by #'cddr
             collect (format "%s %s" (substring (symbol-name key) 1)
                             (pen-dataset-option-text value))
             into parts
             finally return (string-join parts ", "))))

(defun pen-dataset-read-option (option &optional old)
  "Ask for the value of OPTION, which is OLD; nil if it is left empty."
  (pcase (car option)
    (:prompt (pen-read-prompt-name pen-pun-prompt))
    (:model (pen-read-model))
    (_ (let ((prompt (format "%s, %s (empty: not given): "
                             (pen-dataset-option-name option) (nth 2 option)))
             (text (and old (pen-dataset-option-text old))))
         (pen-dataset-option-value
          option
          (pcase (cadr option)
            ('boolean (completing-read prompt '("yes" "no") nil t))
            ('file (let ((file (read-file-name prompt nil "" t)))
                     (if (equal file "") "" (expand-file-name file))))
            ((pred consp) (completing-read prompt (cadr option) nil t))
            (_ (read-string prompt text))))))))

(defun pen-dataset-option-value (option text)
  "Return TEXT as the value of OPTION; nil if it is empty."
  (unless (string-blank-p text)
    (pen-value text (cadr option) (pen-dataset-option-name option))))

(provide 'pen-dataset-options)
;;; pen-dataset-options.el ends here

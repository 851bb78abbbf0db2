;;; pen-dataset-menu.el --- The options of a training set and its job, as a menu -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `C-c C-o' in the preview of a training set.  Each key asks for one option;
;; what is left empty is as the definition or the engine says.  Letters are those
;; of openai-ft where it has the option: -e engine's name, -m model, -s scale.
;; The same options are set one by one with `o', and given as keywords in Lisp.

;;; Code:

(require 'seq)
(require 'transient)
(require 'pen-dataset)

(eval-when-compile
  (defmacro pen-dataset-menu--define (&rest keys)
    "Define a command for each of KEYS, which sets the option in the preview."
    `(progn
       ,@(mapcar
          (lambda (key)
            (let ((name (substring (symbol-name key) 1)))
              `(defun ,(intern (concat "pen-dataset-menu-" name)) ()
                 ,(format "Set the option %s of this preview." name)
                 (interactive)
                 (pen-dataset-menu--set ,key))))
          keys))))

;;;; Functions

(defun pen-dataset-menu--option (key)
  "Return the option KEY as `pen-dataset-all-options' has it."
  (assq key pen-dataset-all-options))

(defun pen-dataset-menu--describe (key)
  "Return the name of the option KEY, and its value if it has one."
  (let* ((option (pen-dataset-menu--option key))
         (value (plist-get pen-dataset--arguments key))
         (name (if (eq key :learning-rate-multiplier)
                   "scale"              ; as openai-ft calls it; the other name is long
                 (pen-dataset-option-name option))))
    (cond ((not (assq key pen-dataset--options))
           (propertize name 'face 'shadow))
          (value (concat name " "
                         (propertize (pen-dataset-option-text value)
                                     'face 'transient-value)))
          (t name))))

(defun pen-dataset-menu--set (key)
  "Ask for the option KEY of the preview in this buffer."
  (let ((option (or (assq key pen-dataset--options)
                    (user-error "Only a job has %s; M-x pen-finetune-region launches one"
                                (substring (symbol-name key) 1)))))
    (pen-dataset-set key (pen-dataset-read-option
                          option (plist-get pen-dataset--arguments key)))))

(pen-dataset-menu--define
 :prompt :reader :encoding :author :anonymise :model :n-epochs :batch-size
 :learning-rate-multiplier :prompt-loss-weight :loss-weights :max-tokens
 :valid-share :seed :learning-rate :schedule :packing :overlong :early-stopping
 :beta :tune :valid :eval-every :eval-batch-size :snapshots-every
 :checkpoint-seconds :completions-every :num-completions :completion-max-tokens
 :completion-prompts :classification :n-classes :positive-class :betas :results
 :suffix)

;;;; Commands

(defun pen-dataset-menu-done ()
  "Build the training set again if it depends on what was set."
  (interactive)
  (when (pen-dataset-stale-p)
    (pen-dataset-ask)))

(defun pen-dataset-menu-clear ()
  "Leave all options but the prompt to the definition and the engine."
  (interactive)
  (setq pen-dataset--arguments
        (pen-dataset-options-among pen-dataset--arguments '((:prompt string))))
  (when pen-dataset--plan
    (pen-dataset-draw)))

(eval-when-compile
  (defun pen-dataset-menu--column (group)
    "Return GROUP, a title and pairs of a key and an option, as the menu takes it."
    (apply #'vector (car group)
           (mapcar (lambda (pair)
                     (list (car pair)
                           (intern (concat "pen-dataset-menu-"
                                           (substring (symbol-name (cadr pair)) 1)))
                           :description `(lambda () (pen-dataset-menu--describe ,(cadr pair)))
                           :transient t))
                   (cdr group))))

  (defmacro pen-dataset-menu--prefix (&rest rows)
    "Define the menu; ROWS are lists of groups that stand beside each other."
    `(transient-define-prefix pen-dataset-menu ()
       "Set the options of a training set and its job."
       ,@(mapcar (lambda (row) (apply #'vector (mapcar #'pen-dataset-menu--column row)))
                 rows)
       [:class transient-row
               ("RET" "build with these" pen-dataset-menu-done)
               ("DEL" "clear all" pen-dataset-menu-clear :transient t)
               ("C-c C-c" "launch" pen-dataset-launch)])))

(pen-dataset-menu--prefix
 (("Training set"
   ("-p" :prompt) ("-r" :reader) ("-E" :encoding) ("-a" :author) ("-A" :anonymise)
   ("-V" :valid-share) ("-v" :valid) ("-w" :loss-weights) ("-P" :prompt-loss-weight)
   ("-T" :max-tokens) ("-o" :overlong) ("-S" :seed))
  ("Model and steps"
   ("-m" :model) ("-e" :suffix) ("-n" :n-epochs) ("-b" :batch-size)
   ("-s" :learning-rate-multiplier) ("-l" :learning-rate) ("-c" :schedule)
   ("-k" :packing) ("-t" :tune) ("-B" :beta) ("-x" :early-stopping)
   ("-R" :checkpoint-seconds))
  ("Checkpoints, samples, metrics"
   ("-K" :snapshots-every) ("-C" :completions-every) ("-N" :num-completions)
   ("-L" :completion-max-tokens) ("-Q" :completion-prompts) ("-i" :eval-every)
   ("-I" :eval-batch-size) ("-y" :classification) ("-Y" :n-classes)
   ("-+" :positive-class) ("-F" :betas) ("-u" :results))))

(provide 'pen-dataset-menu)
;;; pen-dataset-menu.el ends here

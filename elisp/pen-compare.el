;;; pen-compare.el --- Two models side by side -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-compare' has a base and the model tuned from it continue the same
;; prompt with the same seed, round by round, and counts which of them a person
;; likes better.  With `b' the sides are shuffled and have no names until the
;; vote.  At the end an org table of all rounds is in the kill ring.
;;
;; From Lisp it waits and returns a plist; a :judge votes:
;;
;;   (pen-compare "pun-complete" '("Why did the clock wait?")
;;                :models '("pen-tiny" "ft:pen-tiny:local::1") :rounds 5
;;                :judge (lambda (base tuned) (if (< (length base) (length tuned)) 'base 'tuned)))

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'pen-plist)
(require 'pen-rpc-methods)
(require 'pen-redraw)
(require 'pen-figure)
(require 'pen-stream)
(require 'pen-project)
(require 'pen-prompt)
(require 'pen-read)
(require 'pen-request)
(require 'pen-argument)
(require 'pen-compare-round)

;;;; Keymaps

(defvar pen-compare-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "RET") #'pen-compare-next)
    (define-key map "0" #'pen-compare-vote)
    (define-key map "1" #'pen-compare-vote)
    (define-key map "2" #'pen-compare-vote)
    (define-key map "b" #'pen-compare-toggle-blind)
    (define-key map "q" #'pen-compare-quit)
    (define-key map (kbd "C-c C-k") #'pen-compare-stop)
    map)
  "Keys of a comparison.")

;;;; Internal variables

(defvar-local pen-compare--prompt nil "Name of the definition.")
(defvar-local pen-compare--values nil "Values of its variables.")
(defvar-local pen-compare--models nil "The base and the tuned model.")
(defvar-local pen-compare--options nil "What else both are asked with.")
(defvar-local pen-compare--rounds nil "Rounds, newest first.")
(defvar-local pen-compare--blind nil "Non-nil while names are hidden until the vote.")

(defconst pen-compare--keys
  "1 left is better  2 right  0 neither  RET next round  b blind  q table and quit"
  "What the first line says: below two long texts no window would show it.")

;;;; Predicates

(defun pen-compare--hidden-p (round)
  "Return non-nil if nobody may know whose texts ROUND has."
  (and pen-compare--blind (not (pen-compare-round-vote round))))

;;;; Functions: asking

(defun pen-compare-request (prompt values model seed options)
  "Return the request for PROMPT with VALUES to MODEL with SEED and OPTIONS."
  (plist-put (pen-request-arguments prompt values
                                    (append (list :n 1 :seed seed) options))
             :model model))

(defun pen-compare--begin ()
  "Begin another round: ask both models."
  (let ((round (pen-compare-round-make
                :seed (+ (or (plist-get pen-compare--options :seed) 1)
                         (length pen-compare--rounds))
                :swapped (and pen-compare--blind (zerop (random 2))))))
    (push round pen-compare--rounds)
    (setf (pen-compare-round-streams round)
          (seq-map-indexed
           (lambda (model side)
             (pen-stream-start
              #'pen-rpc-completions-start
              (pen-compare-request pen-compare--prompt pen-compare--values model
                                   (pen-compare-round-seed round) pen-compare--options)
              (pen-rpc-in-buffer (current-buffer)
                                 (lambda (kind plist)
                                   (pen-compare--event round side kind plist)))))
           pen-compare--models))
    (pen-redraw-changed)))

(defun pen-compare--event (round side kind plist)
  "Take the event KIND with PLIST of the model at SIDE of ROUND into account."
  (pcase kind
    ('delta (cl-callf concat (nth side (pen-compare-round-texts round))
              (plist-get plist :text)))
    ('done (cl-incf (pen-compare-round-ended round))
           (setf (nth side (pen-compare-round-texts round))
                 (pen-compare-text (plist-get plist :value)
                                   (nth side (pen-compare-round-texts round)))))
    ('error (cl-incf (pen-compare-round-ended round))
            (setf (pen-compare-round-failed round) (pen-rpc-sentence plist))
            (pen-rpc-tell plist)))
  (pen-redraw-changed))

(defun pen-compare-text (result &optional streamed)
  "Return the text of RESULT, or what was STREAMED if there is none."
  (or (car (pen-request-texts result)) streamed ""))

(defun pen-compare--stop-round (round)
  "Stop the requests of ROUND; return how many there were."
  (seq-count #'pen-stream-cancel (pen-compare-round-streams round)))

;;;; Functions: drawing

(defun pen-compare--draw ()
  "Draw the newest round; point and what windows show stay on their lines."
  (pen-redraw-in-place #'pen-compare--insert
                       (lambda (position &rest _) (line-number-at-pos position))
                       (lambda (line)
                         (save-excursion
                           (goto-char (point-min))
                           (forward-line (1- line))
                           (point)))))

(defun pen-compare--insert ()
  "Put the newest round into this buffer."
  (let* ((inhibit-read-only t)
         (round (car pen-compare--rounds))
         (width (max 20 (/ (- (window-width (get-buffer-window nil t)) 4) 2)))
         (order (if (pen-compare-round-swapped round) '(1 0) '(0 1))))
    (pen-redraw-header
     (format " %s   round %d, seed %d   %s" pen-compare--prompt
             (length pen-compare--rounds) (pen-compare-round-seed round)
             (pen-compare-rounds-score pen-compare--rounds)))
    (erase-buffer)
    (insert (propertize pen-compare--keys 'face 'shadow) "\n\n")
    (pen-compare--insert-values (+ width width 3))
    (pen-compare--insert-columns
     (mapcar (lambda (side) (list (pen-compare--name round side))) order) width 'bold)
    (insert "\n")
    (pen-compare--insert-columns
     (mapcar (lambda (side)
               (pen-compare--fill (nth side (pen-compare-round-texts round)) width))
             order)
     width nil)
    (insert "\n" (pen-compare--standing round) "\n")))

(defun pen-compare--insert-values (width)
  "Insert what both are asked with, the end of each text in a line of WIDTH."
  (pcase-dolist (`(,name ,text) pen-compare--values)
    (let ((line (string-join (split-string (format "%s" text) "[ \t\n]+" t) " ")))
      (insert (propertize (concat name ": ") 'face 'shadow)
              (pen-redraw-end line (- width (string-width name) 2))
              "\n")))
  (when pen-compare--values
    (insert "\n")))

(defun pen-compare--name (round side)
  "Return the heading of the model at SIDE of ROUND."
  (if (pen-compare--hidden-p round)
      (if (eq (pen-compare-round-swapped round) (= side 0)) "right" "left")
    (concat (nth side '("base: " "tuned: ")) (nth side pen-compare--models))))

(defun pen-compare--standing (round)
  "Return what is to be said of ROUND."
  (cond ((pen-compare-round-failed round)
         (propertize (pen-compare-round-failed round) 'face 'error))
        ((< (pen-compare-round-ended round) 2) "writing…")
        ((pen-compare-round-vote round)
         (format "Your vote: %s." (pcase (pen-compare-round-vote round)
                                    ('tie "neither is better")
                                    (who (format "%s is better" who)))))
        (t "Which is better?")))

(defun pen-compare--fill (text width)
  "Return the lines of TEXT, cut at blanks so that none is wider than WIDTH."
  (mapcan (lambda (line)
            (with-temp-buffer
              (insert line)
              (untabify (point-min) (point-max))
              (let ((fill-column width)) (fill-region (point-min) (point-max)))
              (mapcan (lambda (part) (pen-compare--cut part width))
                      (split-string (buffer-string) "\n"))))
          (split-string (string-trim text) "\n")))

(defun pen-compare--cut (line width)
  "Return LINE in parts of at most WIDTH."
  (let (parts)
    (while (> (string-width line) width)
      (let ((part (truncate-string-to-width line width)))
        (push part parts)
        (setq line (substring line (length part)))))
    (nreverse (cons line parts))))

(defun pen-compare--insert-columns (columns width face)
  "Insert two COLUMNS, lists of lines, each WIDTH wide, in FACE."
  (pcase-let ((`(,left ,right) columns))
    (while (or left right)
      (let ((one (truncate-string-to-width (or (pop left) "") width 0 ?\s "…"))
            (other (truncate-string-to-width (or (pop right) "") width nil nil "…")))
        (insert (propertize one 'face face) (pen-redraw-gap (1+ width)) "│ "
                (propertize other 'face face) "\n")))))

;;;; Functions: from Lisp

(cl-defun pen-compare--wait (prompt arguments &key models (rounds 1) (seed 1) judge
                                    temperature max-tokens (deadline 120))
  "Compare MODELS on PROMPT with ARGUMENTS in so many ROUNDS, from SEED on.
JUDGE gets both texts and returns `base', `tuned' or `tie'.
TEMPERATURE, MAX-TOKENS and DEADLINE are those of each request."
  (unless (= 2 (length models))
    (user-error "A comparison has two models, the base and the tuned one"))
  (let ((values (pen-prompt-values (pen-prompt-definition prompt) arguments))
        (options (pen-plist-given (list :temperature temperature :max-tokens max-tokens))))
    (pen-compare-rounds-plist
     prompt models
     (mapcar (lambda (seed)
               (let ((texts (mapcar
                             (lambda (model)
                               (pen-compare-text
                                (pen-stream-wait
                                 #'pen-rpc-completions-start
                                 (pen-compare-request prompt values model seed options)
                                 deadline)))
                             models)))
                 (pen-compare-round-make :seed seed :texts texts :ended 2
                                         :vote (and judge (apply judge texts)))))
             (number-sequence seed (+ seed rounds -1))))))

;;;; Functions: the screen

(defun pen-compare-models (prompt base tuned)
  "Compare BASE and TUNED on PROMPT, side by side; ask for its values first."
  (let ((ask (pen-rpc-in-buffer (current-buffer) #'pen-compare--ask)))
    (pen-prompt-with
     prompt
     (lambda (definition)               ; nothing can be asked inside a filter
       (run-at-time 0 nil ask prompt definition (list base tuned)))
     #'pen-rpc-report)))

(defun pen-compare--ask (prompt definition models)
  "Ask for the values of PROMPT by its DEFINITION and compare MODELS on them.
A screen such as that of a job holds no text that could be continued."
  (with-local-quit
    (pen-compare--show prompt
                       (pen-prompt-values definition
                                          (if (derived-mode-p 'special-mode)
                                              (mapcar #'pen-argument-read
                                                      (pen-prompt-inputs definition))
                                            (pen-argument-read-all definition)))
                       models)))

(defun pen-compare--show (prompt values models &optional options)
  "Show MODELS on PROMPT with VALUES and OPTIONS side by side; return the buffer."
  (let ((buffer (pen-project-buffer "*pen-compare*")))
    (with-current-buffer buffer
      (pen-compare-stop)
      (pen-compare-mode)
      (setq pen-compare--prompt prompt
            pen-compare--values values
            pen-compare--models models
            pen-compare--options options))
    (pop-to-buffer buffer)
    (pen-compare--begin)
    buffer))

;;;; Commands

(define-derived-mode pen-compare-mode special-mode "Pen-Compare"
  "Mode of *pen-compare*, two models side by side.

\\{pen-compare-mode-map}"
  :interactive nil
  (setq bidi-paragraph-direction 'left-to-right)
  (pen-redraw-this-buffer #'pen-compare--draw)
  (add-hook 'kill-buffer-hook #'pen-compare-stop nil t))

(defun pen-compare--round ()
  "Return the newest round, or say that there is none."
  (or (car pen-compare--rounds) (user-error "Nothing is compared here")))

(defun pen-compare-vote (vote)
  "Say which side is better: VOTE is 1 for left, 2 for right, 0 for neither."
  (interactive (list (- last-command-event ?0)))
  (let ((round (pen-compare--round)))
    (when (or (pen-compare-round-failed round) (< (pen-compare-round-ended round) 2))
      (user-error "Wait until both have written, or go on with RET"))
    (setf (pen-compare-round-vote round)
          (cond ((= vote 0) 'tie)
                ((eq (= vote 1) (pen-compare-round-swapped round)) 'tuned)
                (t 'base)))
    (pen-redraw-now pen-redraw-here)))

(defun pen-compare-next ()
  "Have both models write again, with the next seed."
  (interactive)
  (pen-compare--stop-round (pen-compare--round))
  (pen-compare--begin))

(defun pen-compare-toggle-blind ()
  "Hide the names until the vote and shuffle the sides, or stop doing so.
Texts that were seen below their names are nothing to vote on blindly:
another round takes the place of theirs."
  (interactive)
  (let ((round (pen-compare--round)))
    (setq pen-compare--blind (not pen-compare--blind))
    (cond ((and pen-compare--blind
                (not (pen-compare-round-vote round))
                (not (pen-compare-round-failed round))
                (not (seq-every-p #'string-empty-p (pen-compare-round-texts round))))
           (pen-compare-next))
          ((not (pen-compare-round-vote round))
           (setf (pen-compare-round-swapped round)
                 (and pen-compare--blind (zerop (random 2))))))
    (pen-redraw-now pen-redraw-here)))

(defun pen-compare-stop ()
  "Stop what is being written here; return how many requests that were."
  (interactive)
  (pen-redraw-forget)
  (apply #'+ (mapcar #'pen-compare--stop-round pen-compare--rounds)))

(defun pen-compare-quit ()
  "Put the org table of all rounds into the kill ring and leave."
  (interactive)
  (pen-compare-stop)
  (when-let ((rounds (seq-filter (lambda (round) (= 2 (pen-compare-round-ended round)))
                                 (reverse pen-compare--rounds))))
    (kill-new (pen-compare-rounds-table pen-compare--models rounds))
    (message "The table of %s is in the kill ring; %s."
             (pen-figure-count (length rounds) "round") (pen-compare-rounds-score rounds)))
  (quit-window))

;;;###autoload
(defun pen-compare (prompt &optional arguments &rest options)
  "Compare two models on PROMPT side by side, round by round.
From Lisp, wait: ARGUMENTS are the values of its variables, OPTIONS
are :models, a list of two names, :rounds, :seed, :judge,
:temperature, :max-tokens and :deadline.  Return a plist with :wins,
:losses and :ties of the second model, :win-rate, :rounds and :table."
  (interactive (list (pen-read-prompt-name pen-pun-prompt) nil 'ask))
  (if (not (equal options '(ask)))
      (apply #'pen-compare--wait prompt arguments options)
    (let ((base (or (pen-read-model "Base")
                    (user-error "Name the base to compare with, such as pen-tiny; TAB shows all models")))
          (tuned (or (pen-read-model "Tuned" pen-default-model)
                     (user-error "Name the model to compare with the base; TAB shows all models"))))
      (pen-compare-models prompt base tuned))))

(provide 'pen-compare)
;;; pen-compare.el ends here

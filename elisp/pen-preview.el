;;; pen-preview.el --- Text that is shown but not inserted -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Candidates stream into the `after-string' of an overlay: the buffer, its undo
;; list and its modified flag stay as they are until one of them is accepted,
;; which is one change.  The keys of `pen-preview-map' work while point is at the
;; preview; moving away or typing closes it and stops its request.

;;; Code:

(require 'cl-lib)
(require 'subr-x)
(require 'pen-redraw)
(require 'pen-answer)
(require 'pen-context)

;;;; Customization

(defcustom pen-preview t
  "Whether a completion is shown first and inserted when you accept it.
With nil it is inserted as soon as all of it is there."
  :type 'boolean
  :group 'pen)

;;;; Faces

(defface pen-ghost '((t :inherit shadow :slant italic))
  "Text of a completion that was not accepted yet."
  :group 'pen)

(defface pen-ghost-note '((t :inherit shadow))
  "What stands after a completion: its number, and how far it is."
  :group 'pen)

;;;; Keymaps

(defvar pen-preview-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "TAB") #'pen-preview-accept)
    (define-key map (kbd "<tab>") #'pen-preview-accept)
    (define-key map (kbd "RET") #'pen-preview-accept)
    (define-key map (kbd "<return>") #'pen-preview-accept)
    (define-key map (kbd "M-RET") #'pen-preview-accept-word)
    (define-key map (kbd "M-n") #'pen-preview-next)
    (define-key map (kbd "M-p") #'pen-preview-previous)
    (define-key map (kbd "C-g") #'pen-preview-reject)
    (define-key map (kbd "C-c ; g") #'pen-complete-again)
    (define-key map (kbd "C-c ; l") #'pen-preview-list)
    map)
  "Keys at a preview.")

;;;; Internal variables

(defconst pen-preview-most-shown 5000
  "Characters of a candidate that are drawn; the rest is there when accepted.")

(cl-defstruct (pen-preview (:include pen-answer) (:constructor pen-preview--make)
                           (:copier nil))
  "A completion shown in OVERLAY but not inserted."
  overlay context
  given                                 ; values, or `context': they come from there
  (taken 0)                             ; characters accepted word by word
  tick)                                 ; of the buffer's text when last seen

(defvar-local pen-preview-current nil
  "The preview that is open in this buffer.")

(defvar-local pen-preview-last nil
  "The preview that was open in this buffer last; its candidates stay in reach.")

;;;; Declarations

(declare-function pen-complete-again "pen-complete" ())

;;;; Functions: opening and closing

(defun pen-preview-check-buffer ()
  "Say so if nothing can be put into this buffer at point."
  (when (or buffer-read-only (get-text-property (point) 'read-only))
    (user-error "This %s is read-only, so no completion can be put into it; %s"
                (if buffer-read-only "buffer" "place")
                (if buffer-read-only "C-x C-q makes it writable" "go elsewhere"))))

(defun pen-preview-open (context prompt options)
  "Open a preview in CONTEXT for the definition PROMPT, asked with OPTIONS."
  (pen-preview-close)
  (goto-char (pen-context-position context))
  (deactivate-mark)
  (let* ((overlay (make-overlay (point) (point) nil nil t))
         (preview (pen-preview--make :overlay overlay :context context
                                     :prompt prompt :options options
                                     :ended #'pen-preview--ended
                                     :closer #'pen-preview--remove
                                     :tick (buffer-chars-modified-tick))))
    (overlay-put overlay 'keymap pen-preview-map)
    (overlay-put overlay 'priority 100)
    (setq pen-preview-current preview
          pen-preview-last preview)
    (add-hook 'post-command-hook #'pen-preview--check nil t)
    (add-hook 'kill-buffer-hook #'pen-preview-close nil t)
    (add-hook 'change-major-mode-hook #'pen-preview-close nil t)
    (pen-answer-open preview (lambda () (pen-preview--draw preview)))
    preview))

(defun pen-preview-close ()
  "Close the preview of this buffer and stop its request; return it, or nil."
  (when-let ((preview pen-preview-current))
    (pen-answer-close preview)
    preview))

(defun pen-preview--remove (preview)
  "Take what is drawn of PREVIEW away."
  (setq pen-preview-current nil)
  (remove-hook 'post-command-hook #'pen-preview--check t)
  (remove-hook 'kill-buffer-hook #'pen-preview-close t)
  (remove-hook 'change-major-mode-hook #'pen-preview-close t)
  (delete-overlay (pen-preview-overlay preview)))

(defun pen-preview--check ()
  "Close the preview if point left it or the text changed."
  (when-let ((preview (and pen-preview pen-preview-current)))
    (unless (and (eql (point) (overlay-start (pen-preview-overlay preview)))
                 (eql (buffer-chars-modified-tick) (pen-preview-tick preview)))
      (pen-preview-close))))

(defun pen-preview--here ()
  "Return the open preview of this buffer, or say that there is none."
  (or pen-preview-current (user-error "There is no completion to take here; M-x pen-pun-complete asks for one")))

(defun pen-preview--ended (preview err)
  "Say that all of PREVIEW is there, or ERR, what went wrong."
  (pen-answer-settle preview err
                     (and pen-preview
                          (concat "TAB accept"
                                  (and (cdr (pen-answer-candidates preview)) ", M-n M-p others")
                                  ", M-RET word, C-g reject"))
                     (substitute-command-keys "\\[pen-complete-again] asks again."))
  (unless (or pen-preview err (pen-preview-closed preview))
    (pen-preview-accept)))

;;;; Functions: drawing

(defun pen-preview-insertion (preview &optional enough)
  "Return what accepting PREVIEW would insert.
If it has more than ENOUGH characters, the beginning will do."
  (let* ((whole (pen-answer-text preview nil enough))
         (text (pen-context-dress (pen-preview-context preview)
                                  (if (and enough (> (length whole) enough))
                                      (substring whole 0 enough)
                                    whole))))
    (substring text (min (length text) (pen-preview-taken preview)))))

(defun pen-preview--draw (preview)
  "Draw PREVIEW."
  (let* ((text (if (pen-preview-candidates preview)
                   (propertize (pen-preview-insertion
                                preview (+ pen-preview-most-shown (pen-preview-taken preview)))
                               'face 'pen-ghost)
                 ""))
         ;; The cursor stays before the first of these; a line break has no
         ;; place on the screen for it, a blank at the line's end has.
         (shown (pen-answer-folded
                 (concat (if (string-prefix-p "\n" text) " " "") text
                         (propertize (pen-answer-state preview)
                                     'face (if (string-empty-p text)
                                               'pen-ghost
                                             'pen-ghost-note)))
                 (overlay-start (pen-preview-overlay preview)))))
    (put-text-property 0 1 'cursor t shown)
    (overlay-put (pen-preview-overlay preview) 'after-string shown)))

;;;; Functions: inserting

(defun pen-preview--insert (text)
  "Insert TEXT at point, as one change."
  (pen-preview-check-buffer)
  (undo-boundary)
  (insert text)
  (undo-boundary))

;;;; Commands

(defun pen-preview-accept ()
  "Insert the candidate shown, as one change."
  (interactive)
  (let* ((preview (pen-preview--here))
         (text (pen-preview-insertion preview))
         (place (overlay-start (pen-preview-overlay preview))))
    (when (string-empty-p text)
      (user-error "There is no text yet; wait for it or reject with C-g"))
    (pen-preview-check-buffer)
    (pen-preview-close)
    (if (= place (point))
        (pen-preview--insert text)
      (save-excursion                   ; without `pen-preview', one may go on
        (save-restriction
          (widen)
          (goto-char place)
          (pen-preview--insert text))))))

(defun pen-preview-accept-word ()
  "Insert the next word of the candidate shown."
  (interactive)
  (let* ((preview (pen-preview--here))
         (text (pen-preview-insertion preview))
         (word (and (string-match "\\`[[:space:]\n]*\\(?:[-+*][ \t]+\\)?[^[:space:]\n]+" text)
                    (match-string 0 text))))
    (unless word
      (user-error "There are no more words; wait for them or reject with C-g"))
    (pen-preview--insert word)
    (cl-incf (pen-preview-taken preview) (length word))
    (move-overlay (pen-preview-overlay preview) (point) (point))
    (setf (pen-preview-tick preview) (buffer-chars-modified-tick))
    (if (and (pen-preview-done preview)
             (string-blank-p (pen-preview-insertion preview)))
        (pen-preview-close)
      (pen-redraw-now (pen-preview-redraw preview)))))

(defun pen-preview-next (&optional step)
  "Show the next candidate, or the one STEP further."
  (interactive)
  (let ((preview (pen-preview--here)))
    (unless (zerop (pen-preview-taken preview))
      (user-error "Words of this candidate are in the buffer; accept or reject it first"))
    (pen-answer-step preview (or step 1) "C-c ; g asks again for new ones")))

(defun pen-preview-previous ()
  "Show the previous candidate."
  (interactive)
  (pen-preview-next -1))

(defun pen-preview-reject ()
  "Close the preview and stop its request."
  (interactive)
  (when (pen-preview-close)
    (message "%s" (substitute-command-keys
                   "Rejected; \\[pen-preview-list] still has the candidates."))))

;;;###autoload
(defun pen-preview-list ()
  "Choose among the candidates of this buffer's last preview and insert it."
  (interactive)
  (pen-preview-check-buffer)
  (let* ((preview (or pen-preview-last
                      (user-error "Nothing was completed in this buffer yet; M-x pen-pun-complete does it")))
         (texts (or (delete-dups (pen-answer-texts preview))
                    (user-error "The last completion wrote nothing; M-x pen-complete-again asks again")))
         (lines (mapcar (lambda (text) (cons (string-replace "\n" "⏎" text) text)) texts))
         (chosen (cdr (assoc (completing-read "Completion: " (mapcar #'car lines)
                                              nil t nil nil (caar lines))
                             lines)))
         (context (pen-context-again (pen-preview-context preview)))
         (dressed (pen-context-dress context chosen)))
    (pen-preview-close)
    (goto-char (pen-context-position context))
    (deactivate-mark)
    (pen-preview--insert dressed)))

(provide 'pen-preview)
;;; pen-preview.el ends here
